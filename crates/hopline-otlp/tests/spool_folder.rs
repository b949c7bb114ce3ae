//! Folders that a spool refuses, and files of others in its folder.
#![cfg(all(feature = "spool", unix))]

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use hopline_core::Tracer;
use hopline_otlp::{ConfigError, Exporter};

use hopline_test_support::LONG;
use hopline_test_support::folder::TempFolder;
use hopline_test_support::otlp::{Receiver, free_address, record, record_many};

fn open(url: &str, folder: &Path) -> Result<Exporter, ConfigError> {
    Exporter::builder()
        .endpoint(url)
        .schedule_delay(Duration::from_millis(10))
        .spool(folder, 1 << 30)
        .build()
}

#[track_caller]
fn assert_refused(folder: &Path, says: &str) {
    let error = open("http://127.0.0.1:9", folder).unwrap_err();
    assert!(
        error.is_spool() && error.to_string().contains(says),
        "{error}"
    );
    assert!(error.remedy().contains("a new one below it"), "{error}");
}

fn mkfifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[test]
fn a_folder_that_others_can_write_to_is_refused_and_one_below_it_is_not() {
    for mode in [0o777, 0o1777, 0o775, 0o707] {
        let folder = TempFolder::new();
        fs::create_dir(&folder.0).unwrap();
        fs::set_permissions(&folder.0, Permissions::from_mode(mode)).unwrap();
        assert_refused(&folder.0, "other accounts can write to it");
        assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 0);
        let below = folder.0.join("spool");
        drop(open("http://127.0.0.1:9", &below).unwrap());
        let made = fs::metadata(&below).unwrap().permissions().mode();
        assert_eq!(made & 0o777, 0o700);
        fs::set_permissions(&folder.0, Permissions::from_mode(0o700)).unwrap();
    }
}

#[test]
fn a_folder_of_another_account_is_refused() {
    let folder = TempFolder::new();
    fs::create_dir(&folder.0).unwrap();
    // a root user gives it away; any other has one of root's at hand
    let given = std::os::unix::fs::chown(&folder.0, Some(65_534), None);
    let other = given.map_or(Path::new("/usr"), |()| folder.0.as_path());
    assert_refused(other, "it belongs to another account");
}

#[test]
fn a_link_to_a_folder_is_refused() {
    let (folder, link) = (TempFolder::new(), TempFolder::new());
    fs::create_dir(&folder.0).unwrap();
    fs::set_permissions(&folder.0, Permissions::from_mode(0o700)).unwrap();
    symlink(&folder.0, &link.0).unwrap();
    assert_refused(&link.0, "it is a symbolic link");
    let slash = PathBuf::from(format!("{}/", link.0.display()));
    assert_refused(&slash, "it is a symbolic link");
    assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 0);
    fs::remove_file(&link.0).unwrap();
}

#[test]
fn a_lock_that_is_no_file_of_ours_is_refused_and_touches_nothing() {
    let folder = TempFolder::new();
    drop(open("http://127.0.0.1:9", &folder.0).unwrap());
    let lock = folder.0.join("lock");
    let victim = folder.0.join("victim");
    fs::write(&victim, b"precious").unwrap();

    fs::remove_file(&lock).unwrap();
    symlink(&victim, &lock).unwrap();
    assert!(
        open("http://127.0.0.1:9", &folder.0)
            .unwrap_err()
            .is_spool()
    );
    assert_eq!(fs::read(&victim).unwrap(), b"precious");

    for device in ["/dev/zero", "/dev/tty", "/nonexistent"] {
        fs::remove_file(&lock).unwrap();
        symlink(device, &lock).unwrap();
        assert!(
            open("http://127.0.0.1:9", &folder.0)
                .unwrap_err()
                .is_spool()
        );
    }
    fs::remove_file(&lock).unwrap();
    mkfifo(&lock);
    assert!(
        open("http://127.0.0.1:9", &folder.0)
            .unwrap_err()
            .is_spool()
    );
    fs::remove_file(&lock).unwrap();
    fs::create_dir(&lock).unwrap();
    assert!(
        open("http://127.0.0.1:9", &folder.0)
            .unwrap_err()
            .is_spool()
    );
}

/// One test of memory in this binary: a process has one peak.
#[test]
fn what_is_no_request_of_ours_is_left_alone_and_costs_nothing() {
    let folder = TempFolder::new();
    let address = free_address();
    let url = format!("http://{address}");
    let tracer = |exporter: &Exporter| Tracer::builder().sink(exporter.clone()).build();
    let exporter = open(&url, &folder.0).unwrap();
    let before = tracer(&exporter);
    record_many(&before, 7);
    before.shutdown(LONG).unwrap();
    assert_eq!(exporter.stats().spooled, 7);
    drop((before, exporter));

    let victim = folder.0.join("victim");
    fs::write(&victim, b"precious").unwrap();
    let named = |name: &str| folder.0.join(name);
    mkfifo(&named("00000000000000000001-000000-3.pb.gz"));
    symlink("/dev/zero", named("00000000000000000002-000000-3.pb.gz")).unwrap();
    symlink(&victim, named("00000000000000000003-000000-3.pb.gz")).unwrap();
    fs::create_dir(named("00000000000000000004-000000-3.pb.gz")).unwrap();
    let sparse = File::create(named("00000000000000000005-000000-3.pb.gz")).unwrap();
    sparse.set_len(2 << 30).unwrap();
    for (at, count) in [
        "18446744073709551615",
        "18446744073709551614",
        "99999999999",
    ]
    .iter()
    .enumerate()
    {
        fs::write(
            named(&format!("0000000000000000001{at}-000000-{count}.pb.gz")),
            b"x",
        )
        .unwrap();
    }
    // unfinished, but of another account; and a link with such a name, which is removed without its target
    fs::write(named("notes.tmp"), b"mine").unwrap();
    symlink(&victim, named("00000000000000000006-000000-3.pb.gz.tmp")).unwrap();
    // small enough to be read, and no gzip
    let zeros = File::create(named("00000000000000000007-000000-2.pb.gz")).unwrap();
    zeros.set_len(60 << 20).unwrap();

    let receiver = Receiver::on(address, []);
    let before = peak_memory();
    let exporter = open(&url, &folder.0).unwrap();
    assert_eq!(receiver.await_spans(7).len(), 7);
    let tracer = tracer(&exporter);
    record(&tracer, "fresh");
    tracer.shutdown(LONG).unwrap();
    let stats = exporter.stats();
    assert_eq!(
        (stats.given, stats.sent, stats.abandoned),
        (10, 8, 2),
        "{stats:?}"
    );
    assert_eq!(fs::read(&victim).unwrap(), b"precious");
    assert_eq!(fs::read(named("notes.tmp")).unwrap(), b"mine");
    assert!(!named("00000000000000000006-000000-3.pb.gz.tmp").is_symlink());
    assert!(named("00000000000000000001-000000-3.pb.gz").exists());
    if let (Some(before), Some(after)) = (before, peak_memory()) {
        let more = after - before;
        assert!(more < 256 << 20, "{more} bytes more than before");
    }
}

/// The peak memory of this process in bytes, if the system reports it.
fn peak_memory() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes << 10)
}
