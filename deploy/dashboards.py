#!/usr/bin/env python3
"""Writes the Grafana dashboards of deploy/grafana: one description a panel, everything else is the same for all.

usage: deploy/dashboards.py            writes deploy/grafana/fanfare-*.json
       deploy/dashboards.py --check    says whether they are what this would write
"""
import json
import pathlib
import sys

FOLDER = pathlib.Path(__file__).parent / "grafana"
RATE = "[$__rate_interval]"


def quantiles(metric, by="", where=""):
    """The median and the 99th percentile of a histogram."""
    group = f"le, {by}" if by else "le"
    legend = f"{{{{{by}}}}} " if by else ""
    return [
        (f"histogram_quantile({q}, sum by ({group}) (rate({metric}_bucket{{{where}}}{RATE})))", f"{legend}p{int(q * 100)}")
        for q in (0.5, 0.99)
    ]


def panel(title, targets, unit="short", help="", kind="timeseries"):
    if isinstance(targets, tuple):
        targets = [targets]
    return {"title": title, "targets": targets, "unit": unit, "help": help, "kind": kind}


def stat(title, expr, unit="short", help=""):
    return panel(title, (expr, ""), unit, help, "stat")


OVERVIEW = [
    stat("Accept availability, 1 h", "1 - fanfare:accept_errors:ratio_1h", "percentunit",
         "Requests at the doors that were not answered with 5xx. Objective: 99.9 % over 30 days."),
    stat("Delivered within 5 s, 1 h", "1 - fanfare:deliveries_late:ratio_1h", "percentunit",
         "Of the deliveries that succeeded at the first attempt. Objective: 99 % over 30 days."),
    stat("Greatest lag", "max(fanfare_lag_seconds)", "s", "Of any stage and partition."),
    stat("Processes ready", 'sum(fanfare_ready{service=~"fanfare-.*"})', "short"),
    panel("Events accepted and delivered", [
        ('sum(rate(fanfare_ingest_events_total{result="stored"}[$__rate_interval]))', "accepted"),
        ("sum(rate(fanfare_matcher_events_total[$__rate_interval]))", "fanned out"),
        ('sum(rate(fanfare_delivery_attempts_total{outcome="delivered"}[$__rate_interval]))', "delivered"),
    ], "ops"),
    panel("Accepted to 2xx of the first attempt", quantiles("fanfare_delivery_end_to_end_seconds"), "s"),
    panel("Lag by stage", ("max by (stage) (fanfare_lag_seconds)", "{{stage}}"), "s"),
    panel("Records that wait, by stage", ("sum by (stage) (max by (stage, partition) (fanfare_lag_records))", "{{stage}}")),
    panel("Attempts by outcome", ("sum by (outcome) (rate(fanfare_delivery_attempts_total[$__rate_interval]))", "{{outcome}}"), "ops"),
    panel("Budget burnt, as a multiple of what the objective allows", [
        ("fanfare:accept_errors:ratio_1h / 0.001", "accept"),
        ("fanfare:deliveries_late:ratio_1h / 0.01", "delivered within 5 s"),
    ]),
    panel("CPU by service", ('sum by (service) (rate(process_cpu_seconds_total{service=~"fanfare-.*"}[$__rate_interval]))', "{{service}}"), "none",
          "In cores."),
    panel("Resident memory by service", ('sum by (service) (process_resident_memory_bytes{service=~"fanfare-.*"})', "{{service}}"), "bytes"),
]

INGEST = [
    stat("Accepted a second", 'sum(rate(fanfare_ingest_events_total{result="stored"}[$__rate_interval]))', "ops"),
    stat("Waiting events", "sum(fanfare_ingest_waiting_events)"),
    stat("Refused for overload, 1 h", "sum(increase(fanfare_ingest_overloaded_total[1h]))"),
    stat("Clock against the store", "max(abs(fanfare_clock_offset_seconds))", "s"),
    panel("Events by result", ("sum by (result) (rate(fanfare_ingest_events_total[$__rate_interval]))", "{{result}}"), "ops"),
    panel("Requests by status", ('sum by (status) (rate(fanfare_http_requests_total{service="fanfare-ingest"}[$__rate_interval]))', "{{status}}"), "ops"),
    panel("Verified to acknowledged", quantiles("fanfare_accept_seconds"), "s"),
    panel("One append to the log", quantiles("fanfare_ingest_append_seconds"), "s"),
    panel("Events of an append", [
        ("sum(rate(fanfare_ingest_append_events_sum[$__rate_interval])) / sum(rate(fanfare_ingest_append_events_count[$__rate_interval]))", "mean"),
    ]),
    panel("Inbound by channel", ("sum by (channel) (rate(fanfare_inbound_requests_total[$__rate_interval]))", "{{channel}}"), "ops"),
    panel("Inbound by verdict", ("sum by (verdict) (rate(fanfare_inbound_requests_total[$__rate_interval]))", "{{verdict}}"), "ops"),
    panel("Verification of an inbound request", quantiles("fanfare_inbound_verify_seconds"), "s"),
    panel("Requests that no handler saw", ('sum by (reason) (rate(fanfare_http_refused_total{service="fanfare-ingest"}[$__rate_interval]))', "{{reason}}"), "ops"),
    panel("Connections", ('sum by (service) (fanfare_http_connections)', "{{service}}")),
]

DELIVERY = [
    stat("Delivered a second", 'sum(rate(fanfare_delivery_attempts_total{outcome="delivered"}[$__rate_interval]))', "ops"),
    stat("Under way", "sum(fanfare_delivery_in_flight)"),
    stat("Oldest undelivered", "max(fanfare_delivery_oldest_undelivered_seconds)", "s"),
    stat("Open breakers", "sum(fanfare_delivery_open_breakers)"),
    panel("Failed attempts by class", ('sum by (class) (rate(fanfare_delivery_attempts_total{class!="none"}[$__rate_interval])) > 0', "{{class}}"), "ops"),
    panel("One attempt", quantiles("fanfare_delivery_attempt_seconds"), "s"),
    panel("In the lanes until the first attempt starts", quantiles("fanfare_delivery_queue_seconds"), "s"),
    panel("POSTs under way", [
        ("sum(fanfare_delivery_in_flight)", "under way"),
        ("sum(fanfare_delivery_waiting)", "waiting in memory"),
    ]),
    panel("Window of the lanes, used", ("fanfare_lanes_window_records / fanfare_lanes_window_limit", "{{instance}}"), "percentunit"),
    panel("Lag of the lanes, by partition", ('topk(10, max by (partition) (fanfare_lag_seconds{stage="deliver"}))', "{{partition}}"), "s"),
    panel("Retries that are due", ('sum(max by (partition) (fanfare_lag_records{stage="retry"}))', "due")),
    panel("Busiest endpoints", ("topk(10, sum by (webhook) (fanfare_endpoint_waiting + fanfare_endpoint_in_flight))", "{{webhook}}")),
    panel("Endpoints that catch up from the feed", [
        ("sum(fanfare_delivery_open_spans)", "open spans"),
        ("sum(fanfare_delivery_cursors)", "cursors, of jobs too"),
    ]),
    panel("Oldest event that a span has not settled", ("max by (instance) (fanfare_delivery_span_lag_seconds)", "{{instance}}"), "s"),
    panel("Dead letters", ("sum(rate(fanfare_dead_letters_total[$__rate_interval]))", "dead letters"), "ops"),
    panel("Partitions owned", ("sum by (stage, instance) (fanfare_partitions_owned)", "{{stage}} {{instance}}")),
    panel("Look-ups of names", ("sum by (result) (rate(fanfare_dns_lookups_total[$__rate_interval]))", "{{result}}"), "ops"),
    panel("Connections to endpoints", [
        ("sum(fanfare_egress_connections)", "open"),
        ("sum(rate(fanfare_egress_connections_opened_total[$__rate_interval]))", "opened a second"),
    ]),
]

STORE = [
    stat("Database", "max(fanfare_store_database_bytes)", "bytes"),
    stat("Kept on the feed", "max(fanfare_store_feed_positions)"),
    stat("Partitions ahead", "min(fanfare_partitions_ahead)"),
    stat("Parked records", "max(fanfare_store_parked_records)"),
    panel("Statements", ("topk(8, sum by (statement) (rate(fanfare_database_statement_seconds_count[$__rate_interval])))", "{{statement}}"), "ops"),
    panel("Slowest statements, p99", ("topk(8, histogram_quantile(0.99, sum by (le, statement) (rate(fanfare_database_statement_seconds_bucket[$__rate_interval]))))", "{{statement}}"), "s"),
    panel("Calls that wait for a connection", ("sum by (service, pool) (fanfare_database_waiting)", "{{service}} {{pool}}")),
    panel("Errors of the database", ("sum by (code) (rate(fanfare_database_errors_total[$__rate_interval])) > 0", "{{code}}"), "ops"),
    panel("Sizes of tables", ("topk(8, max by (table) (fanfare_store_bytes))", "{{table}}"), "bytes"),
    panel("Rows that wait for vacuum", ("topk(8, max by (table) (fanfare_store_dead_rows))", "{{table}}")),
    panel("Sessions and lock waits", [
        ("max(fanfare_store_connections)", "sessions"),
        ("max(fanfare_store_lock_waits)", "wait for a lock"),
    ]),
    panel("Oldest transaction and longest lock wait", [
        ("max(fanfare_store_transaction_seconds)", "transaction"),
        ("max(fanfare_store_lock_wait_seconds)", "lock wait"),
    ], "s"),
    panel("Fan-out: feed to lanes", quantiles("fanfare_fan_out_seconds"), "s"),
    panel("Store: log to feed (Kafka)", quantiles("fanfare_store_seconds"), "s"),
    panel("Kafka: records produced and consumed", [
        ("sum by (client) (rate(fanfare_kafka_produced_records_total[$__rate_interval])) > 0", "{{client}} out"),
        ("sum by (client) (rate(fanfare_kafka_consumed_records_total[$__rate_interval])) > 0", "{{client}} in"),
    ], "ops"),
    panel("Kafka: slowest broker's answers, p99", ("max by (client) (fanfare_kafka_round_trip_seconds)", "{{client}}"), "s"),
]


def dashboard(name, title, description, panels):
    result = {
        "uid": f"fanfare-{name}", "title": f"Fanfare: {title}", "description": description, "tags": ["fanfare"],
        "schemaVersion": 39, "editable": False, "graphTooltip": 1, "refresh": "30s", "timezone": "",
        "time": {"from": "now-3h", "to": "now"}, "templating": {"list": []}, "annotations": {"list": []},
        "links": [{"type": "dashboards", "tags": ["fanfare"], "title": "Fanfare", "asDropdown": False, "keepTime": True}],
        "panels": [],
    }
    x = y = 0
    height = 0
    for number, one in enumerate(panels, 1):
        is_stat = one["kind"] == "stat"
        width, height_of_one = (6, 4) if is_stat else (12, 8)
        if x + width > 24:
            x, y = 0, y + height
        height = height_of_one
        options = (
            {"reduceOptions": {"calcs": ["lastNotNull"]}, "colorMode": "value", "graphMode": "area"} if is_stat
            else {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi", "sort": "desc"}})
        result["panels"].append({
            "id": number, "type": one["kind"], "title": one["title"], "description": one["help"],
            "gridPos": {"x": x, "y": y, "w": width, "h": height_of_one},
            "datasource": {"type": "prometheus", "uid": "prometheus"},
            "fieldConfig": {"defaults": {"unit": one["unit"], "min": 0, "custom": {"lineWidth": 1, "fillOpacity": 8}}
                            if not is_stat else {"unit": one["unit"]}, "overrides": []},
            "options": options,
            "targets": [
                {"refId": chr(65 + index), "expr": expr, "legendFormat": legend or "value",
                 "datasource": {"type": "prometheus", "uid": "prometheus"}}
                for index, (expr, legend) in enumerate(one["targets"])],
        })
        x += width
    return result


ALL = [
    ("overview", "overview", "Objectives, throughput, lag: is all well?", OVERVIEW),
    ("ingest", "ingest", "The doors: what comes in, what is refused, how long it takes.", INGEST),
    ("delivery", "delivery", "Lanes, attempts, endpoints.", DELIVERY),
    ("store", "log and store", "Postgres, the feed, Kafka.", STORE),
]

if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    differs = False
    for name, title, description, panels in ALL:
        text = json.dumps(dashboard(name, title, description, panels), indent=2, ensure_ascii=False) + "\n"
        file = FOLDER / f"fanfare-{name}.json"
        if sys.argv[1:] == ["--check"]:
            if not file.exists() or file.read_text() != text:
                print(f"{file} is not what deploy/dashboards.py writes")
                differs = True
        else:
            file.write_text(text)
    sys.exit(1 if differs else 0)
