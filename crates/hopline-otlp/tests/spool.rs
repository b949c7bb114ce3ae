//! The spool: what survives an outage and a restart, and what happens to files that do not.
#![cfg(feature = "spool")]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hopline_core::Tracer;
use hopline_otlp::{Exporter, ExporterBuilder, Protocol};

use hopline_test_support::LONG;
use hopline_test_support::folder::TempFolder;
use hopline_test_support::otlp::{Receiver, Step, free_address, record, record_many};

fn spooling(url: &str, folder: &Path) -> ExporterBuilder {
    Exporter::builder()
        .endpoint(url)
        .schedule_delay(Duration::from_millis(10))
        .spool(folder, 1 << 20)
}

fn traced(exporter: &Exporter) -> Tracer {
    Tracer::builder()
        .service("orders")
        .sink(exporter.clone())
        .build()
}

#[test]
fn spans_of_an_outage_survive_a_restart_and_are_sent_once() {
    for (protocol, ending) in [
        (Protocol::HttpProtobuf, ".pb.gz"),
        (Protocol::HttpJson, ".json.gz"),
    ] {
        let folder = TempFolder::new();
        let address = free_address();
        let url = format!("http://{address}");
        let exporter = spooling(&url, &folder.0)
            .protocol(protocol)
            .build()
            .unwrap();
        let tracer = traced(&exporter);
        let names = record_many(&tracer, 700);
        // on disk is out, so this does not fail
        tracer.flush(LONG).unwrap();
        let stats = exporter.stats();
        assert_eq!((stats.spooled, stats.waiting, stats.lost()), (700, 0, 0));
        record(&tracer, "last");
        tracer.shutdown(LONG).unwrap();
        assert_eq!(exporter.stats().spooled, 701);
        assert!(!folder.files(ending).is_empty());
        drop((tracer, exporter));

        let receiver = Receiver::on(address, []);
        let exporter = spooling(&url, &folder.0)
            .protocol(protocol)
            .build()
            .unwrap();
        assert_eq!(exporter.stats().given, 701);
        let found = receiver.await_spans(701);
        assert_eq!(found, [names, vec!["last".to_owned()]].concat());
        let tracer = traced(&exporter);
        record(&tracer, "fresh");
        tracer.shutdown(LONG).unwrap();
        let stats = exporter.stats();
        assert_eq!((stats.given, stats.sent, stats.spooled), (702, 702, 0));
        assert_eq!(folder.files(ending), [""; 0].map(PathBuf::from));
        drop((tracer, exporter));

        // nothing is left to be sent a second time
        let exporter = spooling(&url, &folder.0)
            .protocol(protocol)
            .build()
            .unwrap();
        traced(&exporter).shutdown(LONG).unwrap();
        assert_eq!(receiver.await_spans(702).len(), 702);
        assert_eq!(exporter.stats().given, 0);
    }
}

#[test]
fn a_collector_that_comes_back_gets_the_old_and_the_new() {
    let folder = TempFolder::new();
    let address = free_address();
    let exporter = spooling(&format!("http://{address}"), &folder.0)
        .build()
        .unwrap();
    let tracer = traced(&exporter);
    let names = record_many(&tracer, 50);
    tracer.flush(LONG).unwrap();
    assert_eq!(exporter.stats().spooled, 50);
    let receiver = Receiver::on(address, []);
    record(&tracer, "new");
    let mut found = receiver.await_spans(51);
    let mut expected = [names, vec!["new".to_owned()]].concat();
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
    tracer.shutdown(LONG).unwrap();
    let stats = exporter.stats();
    assert_eq!((stats.given, stats.sent, stats.spooled), (51, 51, 0));
}

#[test]
fn what_a_shutdown_has_no_time_for_is_spooled() {
    let folder = TempFolder::new();
    let receiver = Receiver::start([Step::Hang]);
    let exporter = spooling(&receiver.url(), &folder.0).build().unwrap();
    let tracer = traced(&exporter);
    record(&tracer, "on its way");
    receiver.await_requests(1);
    record(&tracer, "waiting");
    tracer.shutdown(Duration::from_secs(2)).unwrap();
    let stats = exporter.stats();
    assert_eq!((stats.spooled, stats.lost()), (2, 0));
    drop((tracer, exporter));
    let exporter = spooling(&receiver.url(), &folder.0).build().unwrap();
    assert_eq!(receiver.await_spans(2), ["on its way", "waiting"]);
    drop(exporter);
}

#[test]
fn damaged_files_are_set_aside_and_hold_up_nothing() {
    let folder = TempFolder::new();
    let address = free_address();
    let url = format!("http://{address}");
    let exporter = spooling(&url, &folder.0).build().unwrap();
    let tracer = traced(&exporter);
    for name in ["cut", "flipped", "empty", "whole"] {
        record(&tracer, name);
        tracer.flush(LONG).unwrap();
    }
    tracer.shutdown(LONG).unwrap();
    drop((tracer, exporter));
    let files = folder.files(".gz");
    assert_eq!(files.len(), 4);
    let bytes = fs::read(&files[0]).unwrap();
    fs::write(&files[0], &bytes[..bytes.len() / 2]).unwrap();
    let mut bytes = fs::read(&files[1]).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    fs::write(&files[1], bytes).unwrap();
    fs::write(&files[2], b"").unwrap();
    // what a crash leaves, and what is not ours
    fs::write(
        folder.0.join("00000000000000000001-000000-9.pb.gz.tmp"),
        b"half",
    )
    .unwrap();
    fs::write(folder.0.join("notes.txt"), b"mine").unwrap();

    let receiver = Receiver::on(address, []);
    let exporter = spooling(&url, &folder.0).build().unwrap();
    assert_eq!(receiver.await_spans(1), ["whole"]);
    traced(&exporter).shutdown(LONG).unwrap();
    let stats = exporter.stats();
    assert_eq!(
        (stats.given, stats.sent, stats.abandoned, stats.spooled),
        (4, 1, 3, 0)
    );
    assert_eq!(folder.files(".corrupt").len(), 3);
    assert_eq!(folder.files(".tmp").len(), 0);
    assert_eq!(folder.files(".gz").len(), 0);
    assert_eq!(fs::read(folder.0.join("notes.txt")).unwrap(), b"mine");
}

#[test]
fn a_full_spool_leaves_the_rest_in_memory() {
    let folder = TempFolder::new();
    let address = free_address();
    let exporter = Exporter::builder()
        .endpoint(format!("http://{address}"))
        .schedule_delay(Duration::from_secs(3600))
        .spool(&folder.0, 300)
        .build()
        .unwrap();
    let tracer = traced(&exporter);
    record(&tracer, "first");
    tracer.flush(LONG).unwrap();
    record(&tracer, "second");
    assert!(
        tracer
            .flush(Duration::from_millis(100))
            .unwrap_err()
            .is_timeout()
    );
    let stats = exporter.stats();
    assert_eq!((stats.spooled, stats.waiting, stats.lost()), (1, 1, 0));
    let receiver = Receiver::on(address, []);
    let mut found = receiver.await_spans(2);
    found.sort();
    assert_eq!(found, ["first", "second"]);
    tracer.shutdown(LONG).unwrap();
}

#[test]
fn a_folder_has_one_user_and_must_be_one() {
    let folder = TempFolder::new();
    let exporter = spooling("http://127.0.0.1:9", &folder.0).build().unwrap();
    let error = spooling("http://127.0.0.1:9", &folder.0)
        .build()
        .unwrap_err();
    assert!(
        error.to_string().contains("another exporter uses it"),
        "{error}"
    );
    traced(&exporter).shutdown(LONG).unwrap();
    let file = folder.0.join("file");
    fs::write(&file, b"").unwrap();
    let error = spooling("http://127.0.0.1:9", &file).build().unwrap_err();
    assert!(error.to_string().contains("the spool"), "{error}");
}
