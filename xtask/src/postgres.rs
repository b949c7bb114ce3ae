//! A private Postgres: own data folder, loopback only, unprivileged, without durability.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use crate::Result;
use crate::account::Account;
use crate::interrupt::Interrupt;
use crate::server::{Server, free_port, port_of, prepare};

/// The variable that names a Postgres for the tests.
pub(crate) const VARIABLE: &str = "HOPLINE_TEST_POSTGRES_URL";

/// The folder of Postgres' programs, if it is installed.
pub(crate) fn programs() -> Option<PathBuf> {
    // Debian keeps them by major version, outside PATH; the newest serves.
    let debian = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    let newest = debian
        .filter_map(|entry| {
            Some((
                entry.file_name().to_str()?.parse::<u32>().ok()?,
                entry.path().join("bin"),
            ))
        })
        .filter(|(_, bin)| is_complete(bin))
        .max();
    let path = std::env::var_os("PATH").unwrap_or_default();
    newest
        .map(|(_, bin)| bin)
        .or_else(|| std::env::split_paths(&path).find(|bin| is_complete(bin)))
}

/// Starts one with its data below `base`; answers once it takes connections.
pub(crate) fn start(base: &Path, interrupt: &Interrupt) -> Result<(Server, String)> {
    start_in(base.join("postgres"), false, interrupt)
}

/// Starts another one, under callgrind: in its folder each of its processes writes, when it ends, what it took, to
/// `callgrind.out.` and its number.
pub(crate) fn start_counted(base: &Path, interrupt: &Interrupt) -> Result<(Server, String)> {
    start_in(base.join("postgres-counted"), true, interrupt)
}

fn start_in(dir: PathBuf, counted: bool, interrupt: &Interrupt) -> Result<(Server, String)> {
    let bin = programs().ok_or("Postgres is not installed")?;
    let account = Account::unprivileged(&["postgres", "nobody"])?;
    account.make_dir(&dir)?;
    let mut server = Server::new("Postgres", dir.clone());

    let (data, password) = (dir.join("data"), dir.join("password"));
    account.write(&password, "test\n")?;
    let mut initdb = account.command(&bin.join("initdb"), &dir);
    initdb
        .arg("--pgdata")
        .arg(&data)
        .arg("--pwfile")
        .arg(&password);
    initdb.args([
        "--username=test",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale=C",
        "--no-sync",
    ]);
    prepare(&mut initdb, "initdb")?;

    let mut single = account.command(&bin.join("postgres"), &dir);
    single
        .args(["--single", "-F", "-D"])
        .arg(&data)
        .arg("template1");
    let statement = dir.join("create.sql");
    account.write(&statement, "CREATE DATABASE test\n")?;
    single.stdin(Stdio::from(std::fs::File::open(&statement)?));
    prepare(&mut single, "CREATE DATABASE")?;

    let port = free_port()?;
    let log = dir.join("log");
    let program = bin.join("postgres");
    let mut postgres = if counted {
        let mut valgrind = account.command(Path::new("valgrind"), &dir);
        valgrind.args(["--quiet", "--tool=callgrind"]).arg(format!(
            "--callgrind-out-file={}/callgrind.out.%p",
            dir.display()
        ));
        valgrind.arg(program);
        valgrind
    } else {
        account.command(&program, &dir)
    };
    postgres
        .arg("-D")
        .arg(&data)
        .args(["-p", &port.to_string()]);
    // Loopback TCP only; nothing here survives the tests, so nothing is synced.
    for setting in [
        "listen_addresses=127.0.0.1",
        "unix_socket_directories=",
        "fsync=off",
        "synchronous_commit=off",
        "full_page_writes=off",
        "max_connections=200",
        "shared_buffers=32MB",
    ] {
        postgres.args(["-c", setting]);
    }
    // SIGINT is its fast shutdown: clients are sent away, data files closed.
    let process = server.spawn(postgres, "INT", &log)?;
    let limit = Duration::from_secs(if counted { 300 } else { 60 });
    server.wait(process, limit, &log, interrupt, || takes_connections(port))?;
    Ok((
        server,
        format!("postgres://test:test@127.0.0.1:{port}/test"),
    ))
}

fn is_complete(bin: &Path) -> bool {
    bin.join("initdb").is_file() && bin.join("postgres").is_file()
}

/// Restarts one that [`start`] started, at this URL.
pub(crate) fn restart(server: &mut Server, url: &str, interrupt: &Interrupt) -> Result<()> {
    let port = port_of(url)?;
    server.restart(Duration::from_secs(60), interrupt, || {
        takes_connections(port)
    })
}

/// A startup message is answered by `R` (authenticate) once the server takes connections, by `E` before that.
fn takes_connections(port: u16) -> bool {
    let ask = || -> std::io::Result<u8> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        let body = b"\x00\x03\x00\x00user\0test\0database\0test\0\0";
        // Length, itself included, then protocol 3.0 and the parameters; the body is far below 256 bytes.
        stream.write_all(&[0, 0, 0, body.len() as u8 + 4])?;
        stream.write_all(body)?;
        let mut answer = [0];
        stream.read_exact(&mut answer)?;
        Ok(answer[0])
    };
    ask().is_ok_and(|answer| answer == b'R')
}
