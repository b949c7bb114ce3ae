//! A private RabbitMQ: own data folder, own port mapper, loopback only, unprivileged.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::Result;
use crate::account::Account;
use crate::interrupt::Interrupt;
use crate::server::{Server, free_port, port_of};

/// The variable that names a RabbitMQ for the tests.
pub(crate) const VARIABLE: &str = "HOPLINE_TEST_AMQP_URL";

const SETTINGS: &str = "\
log.file.level = info
log.console = false
disk_free_limit.absolute = 50MB
vm_memory_high_watermark.absolute = 512MB
";

/// RabbitMQ's start script, if it is installed.
///
/// Not the one in `sbin`: that is a wrapper which writes to `/var` and takes no other account.
pub(crate) fn program() -> Option<PathBuf> {
    let script = PathBuf::from("/usr/lib/rabbitmq/bin/rabbitmq-server");
    script.is_file().then_some(script)
}

/// Starts one with its data below `base`; answers once it greets an AMQP client.
pub(crate) fn start(base: &Path, interrupt: &Interrupt) -> Result<(Server, String)> {
    let script = program().ok_or("RabbitMQ is not installed")?;
    let account = Account::unprivileged(&["rabbitmq", "nobody"])?;
    let dir = base.join("rabbitmq");
    account.make_dir(&dir)?;
    let mut server = Server::new("RabbitMQ", dir.clone());
    for folder in ["mnesia", "log", "generated"] {
        account.make_dir(&dir.join(folder))?;
    }
    for (file, text) in [
        ("rabbitmq.conf", SETTINGS),
        ("advanced.config", "[].\n"),
        ("enabled_plugins", "[].\n"),
        ("env.conf", ""),
    ] {
        account.write(&dir.join(file), text)?;
    }

    // The nodes of a machine share one port mapper, which would outlive this one: it gets its own.
    let mapper_port = free_port()?;
    let mut mapper = account.command(Path::new("epmd"), &dir);
    mapper.args(["-address", "127.0.0.1", "-port", &mapper_port.to_string()]);
    let mapper = server.spawn(mapper, "TERM", &dir.join("log/epmd"))?;
    server.wait(
        mapper,
        Duration::from_secs(20),
        &dir.join("log/epmd"),
        interrupt,
        || TcpStream::connect((Ipv4Addr::LOCALHOST, mapper_port)).is_ok(),
    )?;
    let (port, peer_port) = (free_port()?, free_port()?);
    let log = dir.join("log/startup");
    let mut broker = account.command(&script, &dir);
    broker
        .env("ERL_EPMD_ADDRESS", "127.0.0.1")
        .env("ERL_EPMD_PORT", mapper_port.to_string())
        // Sized by the limit on open files otherwise, which is a billion in some containers.
        .env("ERL_MAX_PORTS", "8192")
        .env("RABBITMQ_NODENAME", format!("hopline{port}@localhost"))
        .env("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1")
        .env("RABBITMQ_NODE_PORT", port.to_string())
        .env("RABBITMQ_DIST_PORT", peer_port.to_string())
        .env("RABBITMQ_MNESIA_BASE", dir.join("mnesia"))
        .env("RABBITMQ_LOG_BASE", dir.join("log"))
        .env("RABBITMQ_GENERATED_CONFIG_DIR", dir.join("generated"))
        .env("RABBITMQ_PID_FILE", dir.join("pid"))
        .env("RABBITMQ_CONF_ENV_FILE", dir.join("env.conf"))
        // Without its suffix: the script adds it.
        .env("RABBITMQ_CONFIG_FILE", dir.join("rabbitmq"))
        .env("RABBITMQ_ADVANCED_CONFIG_FILE", dir.join("advanced.config"))
        .env("RABBITMQ_ENABLED_PLUGINS_FILE", dir.join("enabled_plugins"))
        .env("RABBITMQ_FEATURE_FLAGS_FILE", dir.join("feature_flags"))
        // The peers' port on loopback too; two schedulers that do not spin, since the tests want the processors.
        .env(
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
            "-start_epmd false -kernel inet_dist_use_interface {127,0,0,1} \
             +S 2:2 +SDio 2 +sbwt none +sbwtdcpu none +sbwtdio none",
        );
    // The start script passes SIGTERM on to the machine below it and ends after it.
    let process = server.spawn(broker, "TERM", &log)?;
    server.wait(process, Duration::from_secs(90), &log, interrupt, || {
        greets(port)
    })?;
    let url = format!("amqp://guest:guest@127.0.0.1:{port}/%2f");
    Ok((server, url))
}

/// Restarts one that [`start`] started, at this URL.
pub(crate) fn restart(server: &mut Server, url: &str, interrupt: &Interrupt) -> Result<()> {
    let port = port_of(url)?;
    server.restart(Duration::from_secs(90), interrupt, || greets(port))
}

/// The protocol header of AMQP 0-9-1 is answered by a method frame, which begins with 1.
fn greets(port: u16) -> bool {
    let ask = || -> std::io::Result<u8> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        stream.write_all(b"AMQP\x00\x00\x09\x01")?;
        let mut answer = [0];
        stream.read_exact(&mut answer)?;
        Ok(answer[0])
    };
    ask().is_ok_and(|answer| answer == 1)
}
