//! What the project promises about itself: who may use what, and that its papers say what the code says.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every file below a directory of the project, as a path from its root. What is built or fetched is none of the project.
fn files(directory: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut left = vec![root().join(directory)];
    while let Some(directory) = left.pop() {
        for entry in fs::read_dir(directory).expect("a directory of the project") {
            let path = entry.expect("its entry").path();
            let name = path.file_name().unwrap_or_default();
            if path.is_file() {
                let path = path.strip_prefix(root()).expect("below the root");
                found.push(path.to_owned());
            } else if path != root().join("target") && name != ".git" && name != "node_modules" {
                left.push(path);
            }
        }
    }
    assert!(!found.is_empty());
    found.sort();
    found
}

fn has_end(path: &Path, end: &str) -> bool {
    path.extension().is_some_and(|it| it == end)
}

/// The source files of the tests and of the program.
fn sources() -> Vec<PathBuf> {
    let mut found = [files("tests"), files("src")].concat();
    found.retain(|path| has_end(path, "rs"));
    found
}

/// The source files of a module of the library, and of the modules in it.
fn module(name: &str) -> Vec<PathBuf> {
    let own = PathBuf::from(format!("src/{name}.rs"));
    let inner = format!("src/{name}");
    let mut found = files("src");
    found.retain(|path| *path == own || path.starts_with(&inner));
    assert!(found.contains(&own), "there is no module {name}");
    found
}

/// The lines that are code, each with its number.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
        .map(|(index, line)| (index + 1, line))
}

/// Whether a line names a word: an identifier, a module that something is taken from (`::`), a call (`()`).
fn names(line: &str, word: &str) -> bool {
    let inside = |char: char| char.is_alphanumeric() || char == '_';
    line.match_indices(word).any(|(start, _)| {
        let (before, after) = (&line[..start], &line[start + word.len()..]);
        let longer = word.ends_with(inside) && after.starts_with(inside);
        !before.ends_with(inside) && !longer
    })
}

/// Where any of the words stands in the code of these files.
fn uses(paths: &[PathBuf], words: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for path in paths {
        for (number, line) in code(&read(path)) {
            for word in words.iter().filter(|word| names(line, word)) {
                found.push(format!("{}:{number} names {word}", path.display()));
            }
        }
    }
    found
}

/// The library without the modules of these names.
fn library_without(exempt: &[&str]) -> Vec<PathBuf> {
    let exempt: Vec<PathBuf> = exempt.iter().flat_map(|name| module(name)).collect();
    let mut paths = files("src");
    paths.retain(|path| !exempt.contains(path));
    paths
}

#[test]
fn pure_modules_name_no_database_network_or_runtime() {
    let pure = [
        "app", "view", "editor", "keymap", "quote", "text", "typeset",
    ];
    let pure: Vec<_> = pure.iter().flat_map(|name| module(name)).collect();
    let worldly = [
        "tokio",
        "tokio_postgres",
        "deadpool_postgres",
        "refinery_core",
        "reqwest",
        "openidconnect",
        "native_tls",
        "secrecy",
        "SecretString",
        "postgres::",
        "okta::",
        "session::",
        "keyring::",
        "terminal::",
        "runtime::",
        "fs::",
        "env::",
        "net::",
        "process::",
        "thread::",
    ];
    assert_eq!(uses(&pure, &worldly), [""; 0]);
}

#[test]
fn the_command_line_alone_prints_and_the_terminal_alone_draws() {
    let printing = ["println!", "print!", "eprintln!", "eprint!"];
    // The fuzzing is a test, and says how much it tried.
    assert_eq!(uses(&library_without(&["cli", "fuzz"]), &printing), [""; 0]);
    let drawing = ["stdout()", "stderr()"];
    let others = library_without(&["cli", "terminal"]);
    assert_eq!(uses(&others, &drawing), [""; 0]);
}

#[test]
fn errors_without_a_type_stay_at_the_edge() {
    // A failure carries its causes, and they are for the log alone.
    let mut inner = library_without(&["cli", "failure"]);
    inner.retain(|path| *path != Path::new("src/main.rs"));
    assert_eq!(uses(&inner, &["anyhow"]), [""; 0]);
}

/// The modules that `text` takes something from, behind a prefix such as `crate::`.
fn taken_from(text: &str, prefix: &str) -> BTreeSet<String> {
    let first_word = |text: &str| -> String {
        text.trim_start()
            .chars()
            .take_while(|c| c.is_ascii_lowercase() || *c == '_')
            .collect()
    };
    let mut found = BTreeSet::new();
    for (_, rest) in text
        .match_indices(prefix)
        .filter(|(at, _)| !text[..*at].ends_with("::"))
        .map(|(at, word)| text.split_at(at + word.len()))
    {
        let Some(list) = rest.strip_prefix('{') else {
            found.insert(first_word(rest));
            continue;
        };
        let mut depth = 1;
        found.insert(first_word(list));
        for (at, c) in list.char_indices() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 1 => {
                    found.insert(first_word(&list[at + 1..]));
                }
                _ => {}
            }
            if depth == 0 {
                break;
            }
        }
    }
    found
}

#[test]
fn modules_form_no_circle_and_the_picture_names_them_all() {
    let library = read("src/lib.rs");
    let above = above(Path::new("src"), |_| "crate::".into());
    assert!(above.len() > 10, "{above:?}");
    for name in above
        .keys()
        .filter(|name| !["lib", "main"].contains(&name.as_str()))
    {
        let mut picture = library.lines().filter(|line| line.starts_with("//!"));
        let is_named = picture.any(|line| names(line, name));
        assert!(is_named, "src/lib.rs does not say what {name} is");
    }
    have_no_circle(above);
}

#[test]
fn the_files_of_a_folder_form_no_circle() {
    let folders: BTreeSet<PathBuf> = files("src")
        .iter()
        .filter_map(|path| Some(path.parent()?.to_owned()))
        .filter(|folder| folder.with_extension("rs").is_file() && !is_test(folder))
        .collect();
    assert!(folders.len() > 10, "{folders:?}");
    for folder in folders {
        have_no_circle(above(&folder, |depth| "super::".repeat(depth)));
    }
}

/// What each file or folder in a folder takes from the others, behind the prefix that leads out of so many levels.
fn above(folder: &Path, prefix: impl Fn(usize) -> String) -> Above {
    let mut above = Above::new();
    for path in files("src") {
        if let Ok(inside) = path.strip_prefix(folder)
            && has_end(&path, "rs")
            && !is_test(&path)
        {
            let inside = inside.with_extension("");
            let name = inside.iter().next().unwrap_or_default().to_string_lossy();
            let prefix = prefix(inside.iter().count());
            let taken = taken_from(&code_without_tests(&path), &prefix);
            above.entry(name.into_owned()).or_default().extend(taken);
        }
    }
    let all: BTreeSet<_> = above.keys().cloned().collect();
    for (name, taken) in &mut above {
        taken.retain(|other| other != name && all.contains(other));
    }
    above
}

/// What each module takes something from.
type Above = BTreeMap<String, BTreeSet<String>>;

/// What takes from nothing that is left can go; a circle stays.
#[track_caller]
fn have_no_circle(mut above: Above) {
    while !above.is_empty() {
        let done: Vec<_> = above
            .iter()
            .filter(|(_, taken)| taken.iter().all(|other| !above.contains_key(other)))
            .map(|(name, _)| name.clone())
            .collect();
        assert!(!done.is_empty(), "a circle in {above:?}");
        above.retain(|name, _| !done.contains(name));
    }
}

fn is_test(path: &Path) -> bool {
    let mut parts = path.iter().map(|part| part.to_string_lossy());
    parts.any(|part| {
        ["tests", "tests.rs", "samples.rs", "fuzz.rs", "messages.rs"].contains(&part.as_ref())
    })
}

fn code_without_tests(path: &Path) -> String {
    let text = read(path);
    let own = text.split("#[cfg(test)]\nmod tests {").next();
    let lines = code(own.unwrap_or_default()).map(|(_, line)| line);
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn every_file_of_tests_is_run() {
    let main = read("tests/main.rs");
    for path in files("tests") {
        let alone = path.parent() == Some(Path::new("tests")) && !path.ends_with("main.rs");
        if alone && has_end(&path, "rs") {
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            let is_known = main.lines().any(|line| line == format!("mod {name};"));
            assert!(is_known, "tests/main.rs does not know {name}");
        }
    }
}

/// The tests that the last column of a table names, one for each line. The first two lines are the table's head.
fn shown_by(table: &str) -> Vec<&str> {
    table
        .lines()
        .filter(|line| line.starts_with('|'))
        .skip(2)
        .map(|row| {
            let shown = row.trim_end_matches(" |").rsplit("| ").next();
            shown.unwrap_or_default().trim_matches('`')
        })
        .collect()
}

#[track_caller]
fn is_a_test(shown: &str) {
    let (module, test) = shown
        .rsplit_once("::")
        .unwrap_or_else(|| panic!("{shown:?} names no test"));
    let file = module.replace("::", "/");
    let defined = sources()
        .iter()
        .filter(|path| {
            path.starts_with(format!("tests/{file}")) || path.ends_with(format!("{file}.rs"))
        })
        .any(|path| read(path).contains(&format!("fn {test}(")));
    assert!(defined, "there is no test {shown}");
}

#[test]
fn every_line_of_who_can_do_what_is_a_test() {
    let readme = read("README.md");
    let (_, section) = readme
        .split_once("\n## Who can do what\n")
        .expect("the section");
    let shown = shown_by(section.split("\n## ").next().unwrap_or_default());
    assert!(shown.len() > 10);
    shown.into_iter().for_each(is_a_test);
}

#[test]
fn every_line_of_the_table_of_faults_is_a_test() {
    let page = read("docs/faults.md");
    let mut named = BTreeSet::new();
    for section in page.split("\n## ").skip(1) {
        for shown in shown_by(section) {
            is_a_test(shown);
            named.insert(shown);
        }
    }
    for path in files("tests/faults") {
        let module = path.with_extension("");
        let module = module.strip_prefix("tests").expect("it is there");
        let module = module.to_string_lossy().replace('/', "::");
        for test in tests_in(&read(&path)) {
            let name = format!("{module}::{test}");
            let is_named = named.contains(name.as_str());
            assert!(is_named, "docs/faults.md leaves out {name}");
        }
    }
}

/// The text literals in a source file, each with what stands before it. What comes behind the first test is none of the program.
fn literals(text: &str) -> Vec<(String, String)> {
    let text = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    let code = code(text).map(|(_, line)| line);
    let code = code.collect::<Vec<_>>().join("\n");
    let mut found = Vec::new();
    let mut rest = code.as_str();
    while let Some(at) = rest.find(['"', '\'']) {
        let (before, quote) = (&rest[..at], &rest[at..]);
        if let Some(char) = quote.strip_prefix('\'') {
            // A character, or the name of a lifetime.
            let long = if char.starts_with('\\') { 3 } else { 2 };
            let is_char = char.chars().nth(long - 1) == Some('\'');
            let length: usize = char.chars().take(long).map(char::len_utf8).sum();
            rest = &char[if is_char { length } else { 0 }..];
            continue;
        }
        let raw = before.ends_with("r#");
        let mut text = String::new();
        let mut chars = quote[1..].char_indices().peekable();
        let mut end = quote.len();
        while let Some((at, char)) = chars.next() {
            match char {
                '"' if !raw || quote[at + 2..].starts_with('#') => {
                    end = at + 2;
                    break;
                }
                '\\' if !raw => match chars.next() {
                    Some((_, 'n')) => text.push(' '),
                    Some((_, '\n')) => while chars.next_if(|(_, c)| c.is_whitespace()).is_some() {},
                    Some((_, escaped)) => text.push(escaped),
                    None => {}
                },
                char => text.push(char),
            }
        }
        found.push((before.trim_end().to_owned(), text));
        rest = &quote[end..];
    }
    found
}

/// The parts of a message that are the same whatever is put into it.
fn fixed_parts(message: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut inside = false;
    for char in message.chars() {
        match char {
            '{' => inside = true,
            '}' if inside => {
                inside = false;
                parts.push(String::new());
            }
            char if !inside => parts.last_mut().expect("one").push(char),
            _ => {}
        }
    }
    parts.retain(|part| part.trim().len() > 5);
    parts
}

/// As it is compared: blanks and line ends are all the same.
fn plain(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn every_message_is_in_the_list_of_its_module() {
    // What makes a message of the words that it is given.
    let makers = [
        "Failure::new(",
        ".cure(",
        "refused(",
        "unreachable(",
        "malformed(",
        "missing(",
        "wrong(",
        "unusable(",
        "okta(",
    ];
    let files = files("src");
    let mut lists = files.clone();
    lists.retain(|path| path.to_string_lossy().contains("messages") && has_end(path, "snap"));
    let lists: String = lists.iter().map(|path| plain(&read(path)) + " ").collect();
    let mut unlisted = Vec::new();
    let mut listed = 0;
    for path in files.iter().filter(|path| has_end(path, "rs")) {
        let name = path.to_string_lossy();
        // Those of the screens and of the table of keys are pictures of their own, and the help is one.
        let apart = [
            "src/view",
            "src/keymap",
            "src/app/words.rs",
            "src/cli/reference.rs",
            "fuzz.rs",
            "tests",
            "samples.rs",
            "messages.rs",
        ];
        if apart.iter().any(|part| name.contains(part)) {
            continue;
        }
        for (before, message) in literals(&read(path)) {
            let is_sentence = message.contains(' ')
                && message.starts_with(|c: char| c.is_uppercase() || c == '{' || c == '“')
                && message.ends_with(['.', '?'])
                && !message.ends_with("...");
            let made_by = before.trim_end_matches("format!(").trim_end();
            let is_made =
                message.contains(' ') && makers.iter().any(|maker| made_by.ends_with(maker));
            let is_for_programmers = before.ends_with("expect(")
                || before.ends_with("reason =")
                || before.contains("tracing::");
            if !(is_sentence || is_made) || is_for_programmers {
                continue;
            }
            let message = plain(&message);
            let parts = fixed_parts(&message);
            if parts.iter().all(|part| lists.contains(part.trim())) {
                listed += 1;
            } else {
                unlisted.push(format!("{name}: {message}"));
            }
        }
    }
    assert!(listed > 100, "this looks in the wrong place");
    assert_eq!(
        unlisted, [""; 0],
        "a message that is in no list: see failure::list"
    );
}

#[test]
fn no_test_is_switched_off() {
    let mut roles = 0;
    for path in sources() {
        for (number, line) in code(&read(&path)) {
            if line.trim_start().starts_with("#[ignore") {
                roles += 1;
                let is_role = line.contains("a role in another test");
                assert!(is_role, "{}:{number} is switched off", path.display());
            }
        }
    }
    assert!(roles > 0, "this looks in the wrong place");
}

#[test]
fn no_file_names_the_place_where_it_was_written() {
    let here = root().to_str().expect("a path in UTF-8");
    // Directly below the file system's root, its name could be a part of any path.
    let is_distinct = here.matches('/').count() > 1;
    assert!(is_distinct, "move the checkout further down");
    for path in files(".") {
        let Ok(text) = fs::read_to_string(root().join(&path)) else {
            continue;
        };
        assert!(!text.contains(here), "{} names {here}", path.display());
    }
}

/// The same of Cargo.lock, and what is in it twice, is for `cargo deny`: see deny.toml.
#[test]
fn the_lock_files_name_no_registry_but_the_public_one() {
    for name in ["oidc_provider", "postgresql_18", "postgresql_earlier"] {
        let lock = read(format!("tests/support/{name}/package-lock.json"));
        assert!(lock.contains("\"integrity\""));
        assert!(!lock.contains("\"resolved\""));
    }
}

/// What `scripts/test` says by name would run nowhere else once the name is another.
#[test]
fn what_depends_on_the_database_runs_on_every_version() {
    let script = read("scripts/test");
    let named: Vec<_> = script
        .lines()
        .find_map(|line| line.strip_prefix("database_tests=\"")?.strip_suffix('"'))
        .expect("a list of modules")
        .split(' ')
        .map(|name| format!("tests/{}", name.replace("::", "/")))
        .collect();
    for name in &named {
        assert!(root().join(format!("{name}.rs")).exists(), "{name}");
    }
    for path in files("tests") {
        let inside =
            |name: &String| path == Path::new(&format!("{name}.rs")) || path.starts_with(name);
        let by_version = code(&read(&path)).any(|(_, line)| line.starts_with("each_server!"));
        let is_named = named.iter().any(inside);
        assert!(!by_version || is_named, "{}", path.display());
    }
}

/// The names of the tests in a source file, those that `each_server!` makes included.
fn tests_in(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let (mut is_test, mut in_list) = (false, false);
    for (_, line) in code(text) {
        let line = line.trim();
        if line.starts_with("each_server!") {
            in_list = true;
        }
        if in_list {
            let names = line.trim_start_matches("each_server!");
            let is_name = |name: &&str| name.starts_with(|c: char| c.is_ascii_lowercase());
            let names = names.split(['(', ')', '{', '}', ',', ';', ' ']);
            found.extend(names.filter(is_name));
            in_list = !line.ends_with([';', '}', ')']);
        } else if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            is_test = true;
        } else if let Some((_, rest)) = line.split_once("fn ")
            && is_test
        {
            found.extend(rest.split('(').next());
            is_test = false;
        }
    }
    found
}

/// Words for which `docs/style.md` has better ones.
const VAGUE: [&str; 3] = ["nobody", "somebody", "whoever"];

#[test]
fn the_name_of_a_test_is_short_and_says_who() {
    let mut count = 0;
    let mut wrong = Vec::new();
    for path in sources() {
        let text = read(&path);
        for name in tests_in(&text) {
            count += 1;
            if name.len() > 60 || name.split('_').any(|word| VAGUE.contains(&word)) {
                wrong.push(format!("{}: {name}", path.display()));
            }
        }
    }
    assert!(count > 500, "this looks in the wrong place: {count}");
    assert_eq!(wrong, [""; 0], "see docs/style.md");
}

/// What is read by people: the papers of the project, and what its host shows of it.
fn papers() -> Vec<PathBuf> {
    let mut papers = files("docs");
    papers.extend(files(".github"));
    papers.extend(["README.md", "CHANGELOG.md"].map(PathBuf::from));
    papers.retain(|path| has_end(path, "md") || has_end(path, "yml"));
    papers
}

#[test]
fn papers_say_who_is_meant() {
    let help = read("src/cli/snapshots/epigraph__cli__tests__the_help_of_every_command.snap");
    let mut wrong = Vec::new();
    for path in papers() {
        for (index, line) in read(&path).lines().enumerate() {
            // The page of style names them, and the table of exit codes is the help's.
            let cells = line.split(" | ").map(|it| it.trim_end_matches(" |"));
            let cells: Vec<_> = cells.collect();
            let is_quoted = path.ends_with("style.md") && line.starts_with('|')
                || line.starts_with('|') && cells.len() == 2 && help.contains(cells[1]);
            let low = line.to_lowercase();
            if !is_quoted && VAGUE.iter().any(|word| names(&low, word)) {
                wrong.push(format!("{}:{}: {line}", path.display(), index + 1));
            }
        }
    }
    assert_eq!(wrong, [""; 0], "see docs/style.md");
}

/// The places in the project that a page leads to or shows.
fn links(page: &Path) -> BTreeSet<PathBuf> {
    let text = read(page);
    let directory = page.parent().expect("a file");
    let markdown = text.split("](").skip(1);
    let pictures = ["src=\"", "srcset=\""].map(|attribute| text.split(attribute).skip(1));
    let targets = markdown
        .chain(pictures.into_iter().flatten())
        .filter_map(|rest| rest.split([')', '#', '"']).next());
    let places = targets.filter(|to| !to.is_empty() && !to.contains(':'));
    places
        .map(|to| {
            let mut place = PathBuf::new();
            for part in directory.join(to).components() {
                match part {
                    std::path::Component::ParentDir => assert!(place.pop(), "{to}"),
                    part => place.push(part),
                }
            }
            place
        })
        .collect()
}

#[test]
fn links_lead_somewhere_and_the_package_has_them() {
    for page in papers() {
        for place in links(&page) {
            let there = root().join(&place).exists();
            assert!(there, "{} leads to {}", page.display(), place.display());
        }
    }
    let manifest: toml::Table = read("Cargo.toml").parse().expect("Cargo.toml is TOML");
    let include: Vec<_> = manifest["package"]["include"]
        .as_array()
        .expect("a list of what is in the package")
        .iter()
        .filter_map(|it| it.as_str()?.strip_prefix('/'))
        .collect();
    let packaged = |place: &Path| {
        include.iter().any(|it| match it.rsplit_once("/*.") {
            Some((directory, end)) => {
                place.parent() == Some(Path::new(directory)) && has_end(place, end)
            }
            None => place.starts_with(it),
        })
    };
    let shown = links(Path::new("README.md"));
    assert!(shown.iter().any(|place| has_end(place, "svg")));
    for place in shown {
        assert!(packaged(&place), "no package has {}", place.display());
    }
    for path in files("src") {
        for place in read(&path).split("#[path = \"").skip(1) {
            let outside = place.split('"').next().unwrap_or_default();
            let outside = Path::new(outside.trim_start_matches("../"));
            assert!(packaged(outside), "no package has {}", outside.display());
        }
    }
}

/// The workflow builds for each target, and names it `target: TARGET`. What is asked for in `packaging` is what stands behind the
/// name and the version of a file.
#[test]
fn what_packages_fetch_is_what_a_release_builds() {
    let workflow = read(".github/workflows/release.yml");
    let built: BTreeSet<String> = workflow
        .split("- { target: ")
        .skip(1)
        .filter_map(|rest| rest.split(',').next())
        .map(|target| {
            let is_windows = target.contains("-windows-");
            format!("-{target}.{}", if is_windows { "zip" } else { "tar.gz" })
        })
        .chain([".crate".to_owned()])
        .collect();
    assert_eq!(built.len(), 8, "{built:?}");
    let mut asked = 0;
    for path in files("packaging") {
        let text = read(&path);
        let has_own = text.contains(env!("CARGO_PKG_VERSION"));
        assert!(!has_own, "{} has a version of its own", path.display());
        let names = text.split("@SHA256 ").skip(1);
        for name in names.filter_map(|rest| rest.split('@').next()) {
            asked += 1;
            assert!(built.contains(name), "no release has {name}");
            let address = text.contains(&format!("/v@VERSION@/epigraph-@VERSION@{name}"))
                || text.contains("/v$pkgver/$pkgname-$pkgver.crate");
            assert!(address, "{} does not fetch {name}", path.display());
        }
    }
    assert!(asked > 5, "this looks in the wrong place");
}
