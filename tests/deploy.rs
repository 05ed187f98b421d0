//! What is shipped for operators speaks of the metrics that there are.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use holdfast::telemetry::catalogue::{ALL, Kind};
use serde_json::Value;

const OPERATIONS: &str = include_str!("../docs/operations.md");
const README: &str = include_str!("../README.md");
const ALERTS: &str = include_str!("../deploy/prometheus/alerts.yml");
const DASHBOARD: &str = include_str!("../deploy/grafana/holdfast.json");

/// The names of metrics in a text, as they are written there.
fn names(text: &str) -> BTreeSet<&str> {
    let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    text.split(|c| !is_part(c)).filter(|word| word.starts_with("holdfast_")).collect()
}

/// Whether a metric has this name, or is a histogram with a series of this name.
fn is_told(name: &str) -> bool {
    ALL.iter().any(|metric| {
        let rest = name.strip_prefix(metric.name);
        let is_series = matches!(rest, Some("_bucket" | "_sum" | "_count"));
        rest == Some("") || (is_series && matches!(metric.kind, Kind::Histogram(_)))
    })
}

/// Every string under a key, however deep.
fn strings<'a>(value: &'a Value, key: &str, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(fields) => {
            found.extend(fields.get(key).and_then(Value::as_str));
            fields.values().for_each(|value| strings(value, key, found));
        }
        Value::Array(items) => items.iter().for_each(|value| strings(value, key, found)),
        _ => {}
    }
}

#[test]
fn no_text_speaks_of_a_metric_that_there_is_not() {
    let texts = [("operations", OPERATIONS), ("README", README), ("alerts", ALERTS)];
    for (place, text) in texts.into_iter().chain([("dashboard", DASHBOARD)]) {
        let unknown: Vec<_> = names(text).into_iter().filter(|name| !is_told(name)).collect();
        assert_eq!(unknown, [""; 0], "in {place}");
    }
}

#[test]
fn operations_describes_every_metric_with_its_labels_in_the_order_of_the_catalogue() {
    let rows = OPERATIONS.lines().filter_map(|line| line.strip_prefix("| `holdfast_"));
    let described: Vec<_> = rows.map(|row| row.split('`').next().unwrap()).collect();
    let there_are: Vec<_> = ALL
        .iter()
        .map(|metric| {
            let name = metric.name.strip_prefix("holdfast_").unwrap();
            match metric.labels {
                [] => name.to_owned(),
                labels => format!("{name}{{{}}}", labels.join(",")),
            }
        })
        .collect();
    assert_eq!(described, there_are);
}

#[test]
fn the_dashboard_shows_every_metric_in_rows_that_do_not_overlap() {
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let mut expressions = Vec::new();
    strings(&dashboard, "expr", &mut expressions);
    let shown = expressions.join(" ");
    for metric in ALL {
        assert!(shown.contains(metric.name), "{} is not shown", metric.name);
    }
    let panels = dashboard["panels"].as_array().unwrap();
    let ids: BTreeSet<_> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len());
    let mut taken = BTreeSet::new();
    for panel in panels {
        let [x, y, w, h] = ["x", "y", "w", "h"].map(|key| panel["gridPos"][key].as_u64().unwrap());
        for place in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
            assert!(taken.insert(place), "{} overlaps at {place:?}", panel["title"]);
        }
    }
}

#[test]
fn every_alert_says_how_bad_it_is_and_leads_to_what_to_do() {
    let anchors: BTreeSet<_> = OPERATIONS
        .lines()
        .filter_map(|line| line.strip_prefix("## "))
        .map(|title| title.to_lowercase().replace(' ', "-"))
        .collect();
    let alerts: Vec<_> = ALERTS.split("- alert: ").skip(1).collect();
    assert!(!alerts.is_empty());
    for alert in alerts {
        let name = alert.lines().next().unwrap();
        let value = |key: &str| {
            let found = alert.lines().find_map(|line| line.trim().strip_prefix(key));
            found.unwrap_or_else(|| panic!("{name} has no {key}")).trim()
        };
        assert!(["critical", "warning"].contains(&value("severity:")), "{name}");
        assert!(!value("expr:").is_empty() && !value("summary:").is_empty(), "{name}");
        assert!(!value("description:").is_empty(), "{name}");
        let anchor = value("runbook:").strip_prefix("docs/operations.md#").unwrap();
        assert!(anchors.contains(anchor), "{name} leads to {anchor}, which isn't there");
    }
}
