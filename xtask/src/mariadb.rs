//! A private MariaDB: own data folder, loopback only, unprivileged, without durability.

use std::io::Read;
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::Result;
use crate::account::Account;
use crate::apt::find_program;
use crate::interrupt::Interrupt;
use crate::server::{Server, free_port, port_of, prepare};

/// The variable that names a MariaDB or MySQL for the tests.
pub(crate) const VARIABLE: &str = "HOPLINE_TEST_MYSQL_URL";

/// Read by the server before it takes connections, each time it starts. Tests make users and end each other's
/// connections, so theirs may do everything.
const SETUP: &str = "\
CREATE DATABASE IF NOT EXISTS test CHARACTER SET utf8mb4;
CREATE USER IF NOT EXISTS test@'%' IDENTIFIED BY 'test';
GRANT ALL ON *.* TO test@'%' WITH GRANT OPTION;
";

/// The server and what makes its data folder, if both are installed.
pub(crate) fn programs() -> Option<[PathBuf; 2]> {
    Some([
        find_program("mariadbd")?,
        find_program("mariadb-install-db")?,
    ])
}

/// Starts one with its data below `base`; answers once it greets a client.
pub(crate) fn start(base: &Path, interrupt: &Interrupt) -> Result<(Server, String)> {
    let [daemon, install] = programs().ok_or("MariaDB is not installed")?;
    let account = Account::unprivileged(&["mysql", "nobody"])?;
    let dir = base.join("mariadb");
    account.make_dir(&dir)?;
    let mut server = Server::new("MariaDB", dir.clone());
    let data = dir.join("data");
    account.make_dir(&data)?;
    let data = format!("--datadir={}", data.display());

    let mut installer = account.command(&install, &dir);
    installer.args([
        "--no-defaults",
        &data,
        "--auth-root-authentication-method=normal",
        "--skip-test-db",
        "--skip-name-resolve",
    ]);
    prepare(&mut installer, "mariadb-install-db")?;
    let setup = dir.join("setup.sql");
    account.write(&setup, SETUP)?;

    let port = free_port()?;
    let log = dir.join("log");
    let mut mariadb = account.command(&daemon, &dir);
    mariadb.args(["--no-defaults", &data]);
    mariadb.arg(format!("--port={port}"));
    mariadb.arg(format!("--init-file={}", setup.display()));
    mariadb.arg(format!("--socket={}", dir.join("socket").display()));
    mariadb.arg(format!("--pid-file={}", dir.join("pid").display()));
    // Loopback TCP only; nothing here survives the tests, so nothing is synced.
    mariadb.args([
        "--bind-address=127.0.0.1",
        "--skip-name-resolve",
        "--skip-log-bin",
        "--innodb-flush-log-at-trx-commit=0",
        "--innodb-doublewrite=0",
        "--innodb-buffer-pool-size=32M",
        "--max-connections=200",
        "--character-set-server=utf8mb4",
    ]);
    let process = server.spawn(mariadb, "TERM", &log)?;
    server.wait(process, Duration::from_secs(60), &log, interrupt, || {
        greets(port)
    })?;
    Ok((server, format!("mysql://test:test@127.0.0.1:{port}/test")))
}

/// Restarts one that [`start`] started, at this URL.
pub(crate) fn restart(server: &mut Server, url: &str, interrupt: &Interrupt) -> Result<()> {
    let port = port_of(url)?;
    server.restart(Duration::from_secs(60), interrupt, || greets(port))
}

/// The server speaks first: a packet's length in three bytes, its number, then the protocol's version, which is 10.
fn greets(port: u16) -> bool {
    let ask = || -> std::io::Result<u8> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        let mut greeting = [0; 5];
        stream.read_exact(&mut greeting)?;
        Ok(greeting[4])
    };
    ask().is_ok_and(|version| version == 10)
}
