use super::*;

#[test]
fn the_command_line_is_consistent() {
    Arguments::command().debug_assert();
}

/// Every command, each with its name as one types it.
fn commands() -> Vec<clap::Command> {
    fn below(command: clap::Command) -> Vec<clap::Command> {
        let subs = command.get_subcommands().cloned();
        let subs = subs.filter(|sub| sub.get_name() != "help").flat_map(below);
        let subs: Vec<_> = subs.collect();
        [vec![command], subs].concat()
    }
    let mut root = Arguments::command().term_width(100);
    root.build();
    below(root)
}

#[test]
fn the_help_of_every_command() {
    let text: Vec<String> = commands()
        .iter_mut()
        .map(|command| {
            let name = command.get_bin_name().unwrap_or("epigraph").to_owned();
            format!("$ {name} --help\n{}", command.render_long_help())
        })
        .collect();
    insta::assert_snapshot!(text.join("\n").replace(" \n", "\n"));
}

#[test]
fn every_exit_code_is_documented_once() {
    let codes: std::collections::BTreeMap<u8, &str> = reference::exit_codes().into_iter().collect();
    assert_eq!(codes.len(), reference::exit_codes().len());
    for kind in Kind::ALL {
        let stop = Stop::from(Failure::new(kind, "."));
        assert_eq!(codes.get(&stop.exit_code()), Some(&kind.meaning()));
    }
    for stop in [
        Stop::BrokenPipe,
        Stop::Signal(1),
        Stop::Signal(2),
        Stop::Signal(15),
    ] {
        assert!(codes.contains_key(&stop.exit_code()), "{stop:?}");
    }
}

#[test]
fn the_manual_page_has_every_command_option_and_exit_code() {
    let page = String::from_utf8(reference::manual().expect("a page")).expect("a text");
    assert!(page.contains(".TH epigraph 1"));
    for command in &commands()[1..] {
        let name = command.get_bin_name().expect("it is built");
        let is_shown = page.contains(&format!(".SS \"{name}\""));
        let is_shown = is_shown || command.has_subcommands() || command.is_hide_set();
        assert!(is_shown, "{name} is not in\n{page}");
        for option in command.get_opts().filter_map(|it| it.get_long()) {
            let option = format!("\\-\\-{}", option.replace('-', "\\-"));
            assert!(page.contains(&option), "{option} is not in\n{page}");
        }
    }
    for (code, meaning) in reference::exit_codes() {
        let meaning = meaning.replace('\\', "\\\\").replace('-', "\\-");
        let line = format!("\\fB{code}\\fR\n{meaning}");
        assert!(page.contains(&line), "{code}");
    }
}

#[test]
fn completions_know_every_command() {
    use clap::ValueEnum;

    for shell in clap_complete::Shell::value_variants() {
        let mut script = Vec::new();
        clap_complete::generate(*shell, &mut Arguments::command(), "epigraph", &mut script);
        let script = String::from_utf8(script).expect("a text");
        for command in commands() {
            let name = command.get_name();
            assert!(script.contains(name), "{shell} does not know {name}");
        }
    }
}

#[test]
fn the_readme_has_every_exit_code_command_and_setting() {
    let readme = include_str!("../../README.md");
    for (code, meaning) in reference::exit_codes() {
        let line = format!("\n| {code} | {meaning} |\n");
        assert!(readme.contains(&line), "{code}");
    }
    let codes = readme
        .lines()
        .filter(|line| line.starts_with("| ") && line.as_bytes()[2].is_ascii_digit());
    assert_eq!(codes.count(), reference::exit_codes().len());
    let is_shown = |command: &&clap::Command| !command.is_hide_set();
    for command in Arguments::command().get_subcommands().filter(is_shown) {
        let name = command.get_name();
        let by_itself = name == "man" && readme.contains("`man`");
        let is_there = readme.contains(&format!("epigraph {name}")) || by_itself;
        assert!(is_there, "{name}");
    }
    for line in include_str!("../../config.example.toml").lines() {
        if let Some((key, _)) = line.trim_start_matches("# ").split_once(" = ") {
            assert!(readme.contains(&format!("| `{key}` |")), "{key}");
        }
    }
}
