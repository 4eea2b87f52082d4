//! Okta behind a company's proxy and a company's certificate authority, with the real binary.

use std::{
    io::{self, BufRead, BufReader, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use crate::{
    sign_in::quick,
    support::{
        free_port,
        okta::{Okta, Server},
        program::Home,
    },
};

/// An HTTP proxy that lets TLS connections through, or answers with a status of its own. It ends with the test's process.
struct Proxy {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    fn start(refusal: Option<&'static str>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port on loopback");
        let address = listener.local_addr().expect("a bound listener");
        let asked = Arc::new(Mutex::new(Vec::new()));
        let notes = Arc::clone(&asked);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let notes = Arc::clone(&notes);
                thread::spawn(move || serve(client, refusal, &notes));
            }
        });
        Self { address, asked }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("no panic under lock").clone()
    }
}

fn serve(client: TcpStream, refusal: Option<&str>, notes: &Mutex<Vec<String>>) -> io::Result<()> {
    let mut lines = BufReader::new(client.try_clone()?);
    let mut request = String::new();
    lines.read_line(&mut request)?;
    let mut header = String::new();
    while lines.read_line(&mut header)? > 2 {
        header.clear();
    }
    let target = request.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut asked = notes.lock().expect("no panic under lock");
    asked.push(target.clone());
    drop(asked);
    let mut client = client;
    if let Some(status) = refusal {
        return write!(client, "HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
    }
    let server = TcpStream::connect(target)?;
    write!(client, "HTTP/1.1 200 Connection established\r\n\r\n")?;
    let (mut from, mut to) = (client.try_clone()?, server.try_clone()?);
    thread::spawn(move || io::copy(&mut from, &mut to));
    io::copy(&mut &server, &mut &client)?;
    Ok(())
}

const LOGIN: [&str; 3] = ["login", "--store", "file"];

fn behind(okta: &Okta, proxy: &str) -> Home {
    let mut home = Home::new();
    home.set("AUTH_OKTA_ISSUER", okta.issuer(Server::Default));
    home.set("AUTH_OKTA_ID", okta.client_id());
    home.set("HTTPS_PROXY", proxy);
    home
}

fn signs_in(okta: &Okta, home: &Home) {
    let login = Home::start(&mut home.command(&LOGIN));
    okta.let_in(&okta.next_code());
    let ran = Home::end_of(login);
    assert!(ran.stderr.contains("signed in as James Joyce"), "{ran:?}");
}

#[test]
fn okta_is_asked_through_the_proxy_of_the_environment() {
    let okta = quick();
    let proxy = Proxy::start(None);
    signs_in(&okta, &behind(&okta, &format!("http://{}", proxy.address)));
    let asked = proxy.asked();
    assert!(!asked.is_empty());
    let origin = okta.issuer(Server::Org);
    let is_okta = |target: &String| origin.ends_with(target.as_str());
    assert!(asked.iter().all(is_okta), "{asked:?}");
}

#[test]
fn a_host_of_no_proxy_is_asked_directly() {
    let okta = quick();
    let proxy = Proxy::start(Some("403 Forbidden"));
    let mut home = behind(&okta, &format!("http://{}", proxy.address));
    home.set("NO_PROXY", "localhost");
    signs_in(&okta, &home);
    assert_eq!(proxy.asked(), Vec::<String>::new());
}

#[test]
fn a_proxy_that_refuses_is_named_and_its_password_is_not() {
    let okta = quick();
    for (status, words) in [
        (
            "407 Proxy Authentication Required",
            "a user name and a password",
        ),
        ("403 Forbidden", "does not let the connection through"),
    ] {
        let proxy = Proxy::start(Some(status));
        let home = behind(&okta, &format!("http://james:hunter2@{}", proxy.address));
        let ran = home.run(&LOGIN);
        ran.fails(7, &["the proxy", words, "HTTPS_PROXY"]);
        assert!(!ran.stderr.contains("hunter2"), "{}", ran.stderr);
    }
    assert_eq!(okta.client_requests(), 0);
}

#[test]
fn a_proxy_that_is_not_there_is_not_taken_for_okta() {
    let okta = quick();
    let port = free_port();
    for kind in ["http", "socks5"] {
        let home = behind(&okta, &format!("{kind}://127.0.0.1:{port}"));
        let says = ["the proxy itself cannot be reached", "HTTPS_PROXY"];
        home.run(&LOGIN).fails(7, &says);
    }
    assert_eq!(okta.client_requests(), 0);
}

#[test]
fn a_companys_authority_is_trusted_only_where_it_is_named() {
    let okta = quick();
    let mut home = behind(&okta, "");
    home.unset("SSL_CERT_FILE");
    home.run(&LOGIN).fails(7, &["not trusted", "SSL_CERT_FILE"]);
    home.set("SSL_CERT_FILE", "/nonexistent/roots.pem");
    home.run(&LOGIN).fails(8, &["/nonexistent/roots.pem"]);
    assert_eq!(okta.client_requests(), 0);
}
