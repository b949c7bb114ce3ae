//! The files of `deploy/`: generated ones are current, and names that refer to each other agree.
//!
//! This finds mistakes in names, ports and paths. It cannot find those that only the program finds that reads a file.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hopline_core::{Incoming, SamplingPlan, SpanBuilder, Tracer};
use hopline_metrics::slo::{Slo, dashboard, rules};
use hopline_otlp::FileSink;
use hopline_test_support::folder::TempFolder;
use serde_json::Value;

fn deploy(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../deploy")
        .join(path)
}

fn text(path: &str) -> String {
    fs::read_to_string(deploy(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The documents of a YAML file.
fn documents(path: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(&text(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn document(path: &str) -> Value {
    let mut documents = documents(path);
    assert_eq!(documents.len(), 1, "{path}");
    documents.remove(0)
}

/// The paths of all files below `deploy`.
fn files() -> Vec<String> {
    fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => collect(&path, paths),
                false => paths.push(path),
            }
        }
    }
    let (root, mut paths) = (deploy(""), Vec::new());
    collect(&root, &mut paths);
    let relative = |path: &PathBuf| {
        path.strip_prefix(&root)
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned()
    };
    let mut paths: Vec<String> = paths.iter().map(relative).collect();
    paths.sort();
    paths
}

/// The texts of a list.
fn texts(value: &Value) -> Vec<&str> {
    let list = value.as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter().map(|text| text.as_str().unwrap()).collect()
}

/// The keys of a mapping.
fn keys(value: &Value) -> BTreeSet<&str> {
    let map = value.as_object().into_iter().flatten();
    map.map(|(key, _)| key.as_str()).collect()
}

#[test]
fn rules_and_dashboard_are_as_hopline_generates_them() {
    let slos = Slo::parse_all(&text("slo.txt")).unwrap();
    let remedy = "write it again, as deploy/README.md describes";
    assert_eq!(
        text("prometheus/rules.yml").trim_end(),
        rules(&slos).trim_end(),
        "{remedy}"
    );
    let committed = text("grafana/dashboards/checkout.json");
    assert_eq!(
        committed.trim_end(),
        dashboard(&slos).trim_end(),
        "{remedy}"
    );
}

#[test]
fn the_objective_is_that_of_the_example() {
    let service = deploy("../examples/checkout/src/service.rs");
    let service = fs::read_to_string(service).unwrap();
    assert!(service.contains(text("slo.txt").trim()));
}

#[test]
fn each_file_states_whether_it_is_run() {
    let generated = ["prometheus/rules.yml", "slo.txt"];
    let commented = |path: &&String| !path.ends_with(".md") && !path.ends_with(".json");
    for path in files().iter().filter(commented) {
        if generated.contains(&path.as_str()) {
            continue;
        }
        let head: Vec<String> = text(path).lines().take(4).map(str::to_lowercase).collect();
        let head = head.join(" ");
        let run = head.contains("run by `cargo xtask deploy`")
            || head.contains("`cargo xtask deploy` replaces");
        assert!(run || head.contains("not run"), "{path} begins with {head}");
    }
}

#[test]
fn every_yaml_file_parses() {
    let yaml = |path: &&String| path.ends_with(".yaml") || path.ends_with(".yml");
    let mut count = 0;
    for path in files().iter().filter(yaml) {
        assert!(!documents(path).is_empty(), "{path}");
        count += 1;
    }
    assert!(count >= 18, "{count}");
    assert!(serde_saphyr::from_multiple::<Value>("a: [1").is_err());
}

/// Lays the second configuration over the first, as the Collector does: mappings are merged, all else is replaced.
fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}

fn assert_pipelines(config: &Value, name: &str) {
    for (pipeline, parts) in config["service"]["pipelines"].as_object().unwrap() {
        for kind in ["receivers", "processors", "exporters"] {
            let named = texts(&parts[kind]);
            assert!(!named.is_empty(), "{name}: {pipeline} has no {kind}");
            for component in named {
                assert!(
                    keys(&config[kind]).contains(component),
                    "{name}: {component} is not configured"
                );
            }
        }
    }
    for extension in texts(&config["service"]["extensions"]) {
        assert!(
            keys(&config["extensions"]).contains(extension),
            "{name}: {extension}"
        );
    }
}

#[test]
fn pipelines_name_components_that_are_configured() {
    assert_pipelines(&document("collector/route.yaml"), "route");
    for store in ["tempo", "jaeger", "clickhouse"] {
        let mut config = document("collector/sample.yaml");
        merge(&mut config, document(&format!("collector/to-{store}.yaml")));
        assert_pipelines(&config, store);
        let processors = texts(&config["service"]["pipelines"]["traces"]["processors"]);
        assert_eq!(
            processors,
            ["memory_limiter", "tail_sampling", "batch"],
            "in this order"
        );
    }
}

#[test]
fn traces_are_routed_by_their_id() {
    let exporter = &document("collector/route.yaml")["exporters"]["loadbalancing"];
    assert_eq!(exporter["routing_key"], "traceID");
    // a queue in front of it would be per request, not per trace
    assert!(
        exporter["protocol"]["otlp"].get("endpoint").is_none(),
        "the resolver names the endpoints"
    );
}

/// The policies of the second tier fit to what hopline records.
#[test]
fn policies_keep_what_hopline_keeps() {
    let sampling = &document("collector/sample.yaml")["processors"]["tail_sampling"];
    let policies = sampling["policies"].as_array().unwrap();
    let policy = |name: &str| {
        policies
            .iter()
            .find(|policy| policy["name"] == name)
            .unwrap()
    };

    let kept = &policy("kept")["string_attribute"];
    let folder = TempFolder::new();
    fs::create_dir_all(&folder.0).unwrap();
    let path = folder.0.join("spans.jsonl");
    let record = |plan: &str, fail: bool| {
        let tracer = Tracer::builder()
            .service("shop")
            .plan(plan.parse().unwrap())
            .sink(FileSink::create(&path).unwrap())
            .build();
        let root = SpanBuilder::new("request")
            .tracer(&tracer)
            .parent(Incoming::default())
            .start();
        if fail {
            root.fail("500");
        }
        root.end();
        tracer.shutdown(Duration::from_secs(5)).unwrap();
        let line = fs::read_to_string(&path).unwrap();
        hopline_otlp::decode_json(line.trim()).unwrap().remove(0)
    };
    for (plan, fail) in [
        ("* 0%; keep errors", true),
        ("* 0%; keep slower 0ms", false),
    ] {
        let span = record(plan, fail);
        let key = kept["key"].as_str().unwrap();
        let (_, value) = span
            .attributes
            .iter()
            .find(|(name, _)| name == key)
            .unwrap();
        assert!(
            texts(&kept["values"]).contains(&value.to_string().as_str()),
            "{value}"
        );
        assert_eq!(span.tracestate.get("ot"), None, "it has no probability");
    }

    let condition = texts(&policy("counted")["ottl_condition"]["span"])[0];
    assert!(
        condition.contains("trace_state[\"ot\"]") && condition.contains("th:"),
        "{condition}"
    );
    let sampled = record("* 100%", false);
    assert!(sampled.tracestate.get("ot").unwrap().starts_with("th:"));
    // it would lower the probability without a trace of it
    assert!(
        policies
            .iter()
            .all(|policy| policy["type"] != "probabilistic")
    );
}

#[test]
fn both_ways_have_the_same_valid_plan() {
    let compose = document("compose/compose.yaml");
    let compose = compose["services"]["orders"]["environment"]["HOPLINE_SAMPLING"]
        .as_str()
        .unwrap()
        .to_owned();
    let services = documents("kubernetes/services.yaml");
    let map = services
        .iter()
        .find(|document| document["kind"] == "ConfigMap")
        .unwrap();
    assert_eq!(
        map["data"]["HOPLINE_SAMPLING"],
        Value::from(compose.as_str())
    );
    let plan: SamplingPlan = compose.parse().unwrap();
    assert_eq!(plan.to_string(), compose);
}

#[test]
fn names_and_files_of_the_compose_file_exist() {
    let compose = document("compose/compose.yaml");
    let services = keys(&compose["services"]);
    for (name, service) in compose["services"].as_object().unwrap() {
        for volume in texts(&service["volumes"]) {
            let source = volume.split(':').next().unwrap();
            let exists = match source.starts_with('.') {
                true => deploy("compose").join(source).exists(),
                false => keys(&compose["volumes"]).contains(source),
            };
            assert!(exists, "{name}: {source}");
        }
        assert!(service["image"].as_str().is_some(), "{name}");
    }
    for target in document("prometheus/targets.yml").as_array().unwrap() {
        for address in texts(&target["targets"]) {
            assert!(
                services.contains(address.split(':').next().unwrap()),
                "{address}"
            );
        }
    }
    let endpoint = &compose["services"]["orders"]["environment"]["OTEL_EXPORTER_OTLP_ENDPOINT"];
    assert_eq!(endpoint, "http://route:4318");
    assert!(services.contains("route") && services.contains("sample"));
    assert_eq!(
        compose["services"]["route"]["environment"]["SAMPLE_HOST"],
        "sample"
    );
    assert_eq!(compose["services"]["sample"]["deploy"]["replicas"], 2);
    // the links of exemplars lead to a data source that is there
    let sources = document("grafana/datasources.yaml");
    let sources = sources["datasources"].as_array().unwrap();
    let uids: Vec<&str> = sources
        .iter()
        .map(|source| source["uid"].as_str().unwrap())
        .collect();
    let link = &sources[0]["jsonData"]["exemplarTraceIdDestinations"][0];
    assert_eq!(link["name"], "trace_id", "the label of hopline's exemplars");
    assert!(uids.contains(&link["datasourceUid"].as_str().unwrap()));
}

#[test]
fn manifests_of_kubernetes_refer_to_what_is_there() {
    let kustomization = document("kustomization.yaml");
    let mut maps: BTreeSet<String> = BTreeSet::new();
    for map in kustomization["configMapGenerator"].as_array().unwrap() {
        maps.insert(map["name"].as_str().unwrap().to_owned());
        for file in texts(&map["files"]) {
            assert!(deploy(file).is_file(), "{file}");
        }
    }
    let resources = texts(&kustomization["resources"]);
    let in_folder = files()
        .iter()
        .filter(|path| path.starts_with("kubernetes/"))
        .count();
    assert_eq!(resources.len(), in_folder, "each manifest is a resource");
    let documents: Vec<Value> = resources.iter().flat_map(|path| documents(path)).collect();
    let of = |kinds: &'static [&str]| {
        let is = move |document: &&Value| kinds.contains(&document["kind"].as_str().unwrap());
        documents.iter().filter(is).collect::<Vec<_>>()
    };
    let name = |document: &Value| document["metadata"]["name"].as_str().unwrap().to_owned();
    maps.extend(of(&["ConfigMap"]).into_iter().map(name));
    let secrets: BTreeSet<String> = of(&["Secret"]).into_iter().map(name).collect();

    let workloads = of(&["Deployment", "StatefulSet"]);
    for workload in &workloads {
        let (pod, own) = (&workload["spec"]["template"], name(workload));
        assert_eq!(
            workload["spec"]["selector"]["matchLabels"], pod["metadata"]["labels"],
            "{own}"
        );
        for volume in pod["spec"]["volumes"].as_array().into_iter().flatten() {
            if let Some(map) = volume["configMap"]["name"].as_str() {
                assert!(maps.contains(map), "{own}: {map}");
            }
        }
        for source in pod["spec"]["containers"][0]["envFrom"]
            .as_array()
            .into_iter()
            .flatten()
        {
            let map = source["configMapRef"]["name"].as_str();
            assert!(map.is_none_or(|map| maps.contains(map)), "{own}: {map:?}");
            let secret = source["secretRef"]["name"].as_str();
            assert!(
                secret.is_none_or(|secret| secrets.contains(secret)),
                "{own}: {secret:?}"
            );
        }
        let scraped = pod["metadata"]["annotations"]["prometheus.io/port"].as_str();
        assert!(
            scraped.is_none_or(|port| ports(workload).contains(&port.parse().unwrap())),
            "{own}"
        );
    }
    let services = of(&["Service"]);
    for service in &services {
        let own = name(service);
        let workload = workloads.iter().find(|one| {
            one["spec"]["template"]["metadata"]["labels"] == service["spec"]["selector"]
        });
        let workload = workload.unwrap_or_else(|| panic!("the service {own} selects nothing"));
        for port in service["spec"]["ports"].as_array().unwrap() {
            assert!(
                ports(workload).contains(&port["port"].as_u64().unwrap()),
                "{own}: {port}"
            );
        }
    }
    let sample = services
        .iter()
        .find(|service| name(service) == "sample")
        .unwrap();
    assert_eq!(
        sample["spec"]["clusterIP"], "None",
        "its name resolves to each instance"
    );
}

fn ports(workload: &Value) -> Vec<u64> {
    let containers = workload["spec"]["template"]["spec"]["containers"]
        .as_array()
        .unwrap();
    let ports = containers
        .iter()
        .flat_map(|container| container["ports"].as_array().unwrap());
    ports
        .map(|port| port["containerPort"].as_u64().unwrap())
        .collect()
}
