import TestSupport
import Testing

extension EndToEnd {
    /// What the services tell of themselves is what docs/metrics.md says, and moves when events do.
    @Suite struct MetricsTests {
        /// Everything that the services of an installation print.
        private func printed(
            by installation: Installation
        ) async throws -> [(service: String, metrics: MetricsText)] {
            var printed: [(String, MetricsText)] = []
            for service in Installation.Service.allCases {
                printed.append((service.shortName, try await installation.metrics(service)))
            }
            return printed
        }

        /// Run with FANFARE_METRICS_ROWS=FILE to have the rows as they should be written there.
        @Test(.timeLimit(.minutes(2))) func `what services print is what the document lists`() async throws {
            let document = MetricsDocument(TestFolders.text(of: "\(TestFolders.packageRoot)/docs/metrics.md"))
            let documented = Dictionary(document.rows.map { ($0.name, $0) }) { first, _ in first }
            #expect(documented.count == document.rows.count, "a metric is listed twice")
            var found: [String: [(service: String, backbone: String, family: MetricsText.Family)]] = [:]
            for backbone in TestBackbone.available {
                let installation = try await Shared.installation(backbone)
                for (service, metrics) in try await printed(by: installation) {
                    #expect(metrics.faults == [])
                    for family in metrics.families.values {
                        found[family.name, default: []].append((service, backbone.rawValue, family))
                    }
                }
            }
            let available = Set(TestBackbone.available.map(\.rawValue))
            let rows = found.map { name, places in
                MetricsDocument.Row(
                    name: name, type: places[0].family.type,
                    labels: places.reduce(into: []) { $0.formUnion($1.family.labelNames) },
                    services: Set(places.map(\.service)), backbones: Set(places.map(\.backbone)),
                    meaning: places[0].family.help)
            }
            if let path = TestFolders.environment("FANFARE_METRICS_ROWS") {
                try TestFolders.append(rows.map { $0.line + "\n" }.sorted().joined(), to: path)
            }
            for row in rows {
                let expected = try #require(documented[row.name], "not in the document: \(row.line)")
                #expect(row.type == expected.type, "\(row.name)")
                #expect(row.meaning == expected.meaning, "\(row.name)")
                #expect(row.services == expected.services, "\(row.name)")
                #expect(row.backbones == expected.backbones.intersection(available), "\(row.name)")
                // A family may have no series yet.
                #expect(row.labels.isSubset(of: expected.labels), "\(row.name)")
            }
            for row in document.rows where !row.backbones.isDisjoint(with: available) {
                #expect(found[row.name] != nil, "nobody prints \(row.name)")
            }
        }

        @Test(.timeLimit(.minutes(2)), arguments: TestBackbone.available)
        func `an event on its way moves the figures of every stage`(backbone: TestBackbone) async throws {
            let installation = try await Shared.installation(backbone)
            let receiver = try TestReceiver { _ in [.answer(204)] }
            let before = try await printed(by: installation)
            let webhook = try await installation.watch(receiver, events: ["measured"])
            let event = try await installation.publish("measured.once")
            try await eventually("it is delivered and recorded") {
                try await installation.verdicts(event: event, webhook: webhook.id) == ["delivered"]
            }
            let after = try await printed(by: installation)
            func growth(_ service: Installation.Service, _ name: String, _ labels: [String: String] = [:]) -> Double {
                let index = Installation.Service.allCases.firstIndex(of: service) ?? 0
                let family = name.hasSuffix("_count") ? String(name.dropLast("_count".count)) : name
                func value(_ text: MetricsText) -> Double {
                    (text.families[family]?.samples ?? []).filter { sample in
                        sample.name == name && labels.allSatisfy { sample.labels[$0.key] == $0.value }
                    }.reduce(0) { $0 + $1.value }
                }
                return value(after[index].metrics) - value(before[index].metrics)
            }
            #expect(growth(.ingest, "fanfare_accept_seconds_count") == 1)
            #expect(growth(.matcher, "fanfare_fan_out_seconds_count") >= 1)
            #expect(growth(.delivery, "fanfare_delivery_queue_seconds_count") == 1)
            #expect(growth(.delivery, "fanfare_delivery_end_to_end_seconds_count") == 1)
            #expect(growth(.delivery, "fanfare_delivery_attempts_total", ["outcome": "delivered"]) == 1)
            if backbone == .kafka { #expect(growth(.matcher, "fanfare_store_seconds_count") >= 1) }
            let delivery = after[3].metrics
            #expect(delivery.total("fanfare_partitions_owned", ["stage": "deliver"]) == 48)
            #expect(delivery.total("fanfare_ownership_changes_total", ["stage": "deliver", "change": "taken"]) >= 48)
            let matcher = after[2].metrics
            #expect(matcher.total("fanfare_partitions_owned", ["stage": "fan-out"]) == 12)
            for (_, metrics) in after {
                let age = metrics.families["fanfare_configuration_age_seconds"]?.samples.map(\.value) ?? []
                #expect(!age.isEmpty || metrics.families["fanfare_configuration_age_seconds"] == nil)
                #expect(age.allSatisfy { $0 < 60 })
                #expect(abs(metrics.total("fanfare_clock_offset_seconds")) < 1)
            }
            try await installation.delete(webhook)
        }

        @Test(.timeLimit(.minutes(2)), arguments: TestBackbone.available)
        func `what waits behind a worker that is gone shows as lag`(backbone: TestBackbone) async throws {
            let installation = try await Shared.batteredInstallation(backbone)
            let receiver = try TestReceiver { _ in [.answer(204)] }
            let webhook = try await installation.watch(receiver, events: ["lagging"])
            try await installation.kill(.delivery)
            for number in 0..<5 { _ = try await installation.publish("lagging.item", #"{"n":\#(number)}"#) }
            // On Kafka the consumer tells its own lag, and there is none now.
            if backbone == .postgres {
                try await eventually("the store tells of it", within: .seconds(30)) {
                    let metrics = try await installation.metrics(.matcher)
                    return metrics.total("fanfare_lag_records", ["stage": "deliver"]) >= 5
                        && metrics.total("fanfare_lag_seconds", ["stage": "deliver"]) > 1
                }
            }
            try await installation.up()
            try await eventually("it is gone", within: .seconds(30)) {
                let service: Installation.Service = backbone == .postgres ? .matcher : .delivery
                return try await installation.metrics(service).total("fanfare_lag_records", ["stage": "deliver"]) == 0
                    && receiver.requests.values.count >= 5
            }
            try await installation.delete(webhook)
        }
    }
}
