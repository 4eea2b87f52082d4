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
        okta::{Okta, Server},
        program::{Home, Ran},
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
        self.asked
            .lock()
            .expect("no panic while it is held")
            .clone()
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
    notes
        .lock()
        .expect("no panic while it is held")
        .push(target.clone());
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

fn at_home(okta: &Okta) -> Home {
    let mut home = Home::new();
    home.set("AUTH_OKTA_ISSUER", okta.issuer(Server::Default));
    home.set("AUTH_OKTA_ID", okta.client_id());
    home
}

fn sign_in(okta: &Okta, home: &Home) -> Ran {
    let login = Home::start(&mut home.command(&["login", "--json", "--store", "file"]));
    okta.let_in(&okta.next_code());
    login.wait_with_output().expect("the program ends").into()
}

#[test]
fn okta_is_asked_through_the_proxy_of_the_environment() {
    let okta = quick();
    let proxy = Proxy::start(None);
    let mut home = at_home(&okta);
    home.set("HTTPS_PROXY", format!("http://{}", proxy.address));
    assert!(sign_in(&okta, &home).data().contains("James Joyce"));
    let asked = proxy.asked();
    assert!(!asked.is_empty());
    let origin = okta.issuer(Server::Org);
    assert!(
        asked.iter().all(|target| origin.ends_with(target.as_str())),
        "{asked:?}"
    );
}

#[test]
fn a_host_of_no_proxy_is_asked_directly() {
    let okta = quick();
    let proxy = Proxy::start(Some("403 Forbidden"));
    let mut home = at_home(&okta);
    home.set("HTTPS_PROXY", format!("http://{}", proxy.address));
    home.set("NO_PROXY", "localhost");
    sign_in(&okta, &home).data();
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
        let mut home = at_home(&okta);
        home.set(
            "HTTPS_PROXY",
            format!("http://james:hunter2@{}", proxy.address),
        );
        let ran = home.run(&["login", "--store", "file"]);
        ran.fails(7, &["the proxy", words, "HTTPS_PROXY"]);
        assert!(!ran.stderr.contains("hunter2"), "{}", ran.stderr);
    }
    assert_eq!(okta.client_requests(), 0);
}

#[test]
fn a_proxy_that_is_not_there_is_not_taken_for_okta() {
    let okta = quick();
    let closed = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port on loopback");
    let address = closed.local_addr().expect("a bound listener");
    drop(closed);
    for proxy in [format!("http://{address}"), format!("socks5://{address}")] {
        let mut home = at_home(&okta);
        home.set("HTTPS_PROXY", proxy);
        home.run(&["login", "--store", "file"])
            .fails(7, &["the proxy itself cannot be reached", "HTTPS_PROXY"]);
    }
    assert_eq!(okta.client_requests(), 0);
}

#[test]
fn a_companys_authority_is_trusted_only_where_it_is_named() {
    let okta = quick();
    let mut home = at_home(&okta);
    home.unset("SSL_CERT_FILE");
    home.run(&["login", "--store", "file"])
        .fails(7, &["not trusted", "SSL_CERT_FILE"]);
    home.set("SSL_CERT_FILE", "/nonexistent/roots.pem");
    home.run(&["login", "--store", "file"])
        .fails(8, &["/nonexistent/roots.pem"]);
    assert_eq!(okta.client_requests(), 0);
}
