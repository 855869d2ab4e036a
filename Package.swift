// swift-tools-version: 6.2
import PackageDescription

let swiftSettings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

/// A C library of Debian's: a module map and `static inline` shims, nothing else.
func cLibrary(_ name: String, pkgConfig: String? = nil, debian: String? = nil) -> Target {
    .systemLibrary(
        name: name, path: "Shared/\(name)", pkgConfig: pkgConfig,
        providers: debian.map { [.apt([$0])] })
}

/// A layer in `Shared/`; it may import what `needs` names and nothing else.
func shared(_ name: String, _ needs: [String] = []) -> Target {
    .target(
        name: name, dependencies: needs.map { .byName(name: $0) }, path: "Shared/\(name)",
        swiftSettings: swiftSettings)
}

/// A service: everything testable in a library, and one file that starts it.
func service(_ name: String, needs: [String], resources: [Resource] = []) -> [Target] {
    return [
        .target(
            name: "\(name)Service", dependencies: needs.map { .byName(name: $0) },
            path: "Services/\(name)/Service", resources: resources, swiftSettings: swiftSettings),
        .executableTarget(
            name: "\(name)Command",
            dependencies: ["\(name)Service", "ServiceKit", "BackboneSelection"].map { .byName(name: $0) },
            path: "Services/\(name)/Command", swiftSettings: swiftSettings),
    ]
}

func tests(_ name: String, _ needs: [String], resources: [Resource] = []) -> Target {
    .testTarget(
        name: "\(name)Tests", dependencies: (needs + ["TestSupport"]).map { .byName(name: $0) },
        path: "Tests/\(name)Tests", resources: resources, swiftSettings: swiftSettings)
}

let cLibraries: [Target] = [
    cLibrary("CRdKafka", pkgConfig: "rdkafka", debian: "librdkafka-dev"),
    cLibrary("CLibPQ", pkgConfig: "libpq", debian: "libpq-dev"),
    cLibrary("COpenSSL", pkgConfig: "libcrypto", debian: "libssl-dev"),
    cLibrary("CMicroHTTPD", pkgConfig: "libmicrohttpd", debian: "libmicrohttpd-dev"),
    cLibrary("CCurl", pkgConfig: "libcurl", debian: "libcurl4-openssl-dev"),
    cLibrary("CYAML", pkgConfig: "yaml-0.1", debian: "libyaml-dev"),
    cLibrary("CLinux"),
]

let layers: [Target] = [
    shared("Encodings"),
    shared("EventModel"),
    shared("Addresses"),
    shared("EventCodec", ["EventModel", "Encodings"]),
    shared("JSONPath", ["EventCodec"]),
    shared("Matching", ["EventModel", "EventCodec", "JSONPath"]),
    shared("Crypto", ["COpenSSL", "Encodings"]),
    shared("Signing", ["EventModel", "Encodings", "Crypto"]),
    shared("Inbound", ["EventModel", "Encodings", "EventCodec", "Crypto", "Addresses"]),
    shared("YAML", ["CYAML", "EventCodec"]),
    shared("Triggers", ["EventModel", "EventCodec", "JSONPath", "Inbound", "YAML"]),
    shared("Observability", ["CLinux"]),
    shared("HTTPServer", ["CMicroHTTPD", "CLinux", "Observability"]),
    shared("Egress", ["Addresses", "EventModel", "CCurl", "CLinux", "Observability"]),
    shared("Endpoints", ["EventModel", "EventCodec", "Crypto", "Signing", "Egress"]),
    shared("Tracing", ["EventModel", "EventCodec", "Observability", "Egress"]),
    shared("Database", ["EventModel", "CLibPQ", "CLinux", "Observability"]),
    shared("Store", ["Database", "EventModel", "EventCodec", "Encodings", "Crypto", "Signing", "Observability"]),
    shared("Backbone", ["EventModel", "EventCodec"]),
    shared(
        "PostgresBackbone", ["Backbone", "EventModel", "EventCodec", "Database", "Store", "Observability", "Crypto"]),
    shared(
        "KafkaBackbone",
        ["CRdKafka", "CLinux", "Backbone", "EventModel", "EventCodec", "Database", "Store", "Observability", "Crypto"]),
    shared("ServiceKit", ["Observability", "HTTPServer", "Tracing", "CLinux"]),
    shared(
        "BackboneSelection",
        [
            "Backbone", "PostgresBackbone", "KafkaBackbone", "Database", "EventModel", "Observability", "ServiceKit",
            "Store",
        ]),
]

let services: [Target] =
    service(
        "Ingest",
        needs: [
            "Addresses", "EventModel", "EventCodec", "Encodings", "Crypto", "Signing", "Inbound", "Backbone", "Store",
            "Database", "HTTPServer", "ServiceKit", "Observability", "Tracing",
        ])
    + service(
        "Feed",
        needs: [
            "EventModel", "EventCodec", "Encodings", "Crypto", "Inbound", "JSONPath", "Matching", "Signing", "YAML",
            "Triggers", "Backbone", "Store", "Database", "HTTPServer", "ServiceKit", "Observability", "Egress",
            "Endpoints",
        ])
    + service(
        "Matcher",
        needs: [
            "EventModel", "EventCodec", "Crypto", "JSONPath", "Matching", "Triggers", "Backbone", "Store", "Database",
            "ServiceKit",
            "Observability", "Tracing",
        ])
    + service(
        "Delivery",
        needs: [
            "EventModel", "EventCodec", "Encodings", "Crypto", "Signing", "Egress", "Endpoints", "JSONPath", "Backbone",
            "Store", "Database", "ServiceKit", "Observability", "Tracing",
        ])
    + service(
        "Tool",
        needs: [
            "EventModel", "EventCodec", "Encodings", "Crypto", "Inbound", "Signing", "YAML", "Triggers", "Egress",
            "Store", "Database", "HTTPServer", "ServiceKit", "Observability", "KafkaBackbone", "CLinux",
        ])

let testTargets: [Target] = [
    // Only the receiver of the tests speaks TLS as a server.
    .systemLibrary(name: "CTLS", path: "Tests/CTLS", pkgConfig: "libssl", providers: [.apt(["libssl-dev"])]),
    .target(
        name: "TestSupport",
        dependencies: [
            "EventModel", "EventCodec", "Encodings", "Signing", "Backbone", "Database", "Observability", "CLinux",
            "CTLS",
        ],
        path: "Tests/Support", swiftSettings: swiftSettings),
    // A program for the tests of what only a process shows: signals, exit codes, ports.
    .executableTarget(
        name: "ExampleService", dependencies: ["ServiceKit", "Observability"], path: "Tests/ExampleService",
        swiftSettings: swiftSettings),
    // Parsers that read what strangers wrote, and a program that feeds them with anything: scripts/fuzz.
    .target(
        name: "FuzzTargets", dependencies: ["EventCodec", "EventModel", "Inbound", "JSONPath", "Triggers", "YAML"],
        path: "Tests/Fuzz/Targets", swiftSettings: swiftSettings),
    .executableTarget(
        name: "FuzzCommand", dependencies: ["FuzzTargets"], path: "Tests/Fuzz/Command", swiftSettings: swiftSettings),
    tests("Support", ["EventModel", "EventCodec", "Signing"]),
    tests("Encodings", ["Encodings"]),
    tests("EventModel", ["EventModel"]),
    tests("Addresses", ["Addresses"]),
    tests("EventCodec", ["EventCodec", "EventModel", "Encodings"]),
    tests("JSONPath", ["JSONPath", "EventCodec"], resources: [.copy("Fixtures")]),
    tests("Matching", ["Matching", "EventModel", "EventCodec", "JSONPath"]),
    tests("Crypto", ["Crypto", "Encodings", "EventModel"]),
    tests(
        "Signing", ["Signing", "Crypto", "EventCodec", "EventModel", "Encodings"], resources: [.copy("Fixtures")]),
    tests("YAML", ["YAML", "EventCodec"]),
    tests("Triggers", ["Triggers", "YAML", "EventCodec", "EventModel"]),
    tests(
        "Inbound", ["Inbound", "EventCodec", "EventModel", "Encodings", "Crypto"], resources: [.copy("Fixtures")]),
    tests("Observability", ["Observability"]),
    tests("Database", ["Database", "EventModel", "Observability"]),
    tests("Store", ["Store", "Crypto", "Database", "EventModel", "Observability", "Signing"]),
    tests("Egress", ["Egress", "EventModel", "Observability", "CCurl", "CLinux"]),
    tests("Endpoints", ["Endpoints", "Crypto", "Egress", "Encodings", "EventCodec", "EventModel", "Signing"]),
    tests("Tracing", ["Tracing", "EventModel", "EventCodec", "Observability"]),
    tests("HTTPServer", ["HTTPServer", "Observability"]),
    tests(
        "Backbone",
        [
            "Backbone", "KafkaBackbone", "PostgresBackbone", "Store", "Database", "EventModel", "Observability",
            "DeliveryService", "MatcherService",
        ]),
    tests("KafkaBackbone", ["KafkaBackbone", "Backbone", "EventModel", "Observability"]),
    tests("ServiceKit", ["ServiceKit", "Observability", "HTTPServer", "ExampleService"]),
    tests(
        "DeliveryService",
        [
            "DeliveryService", "Backbone", "Crypto", "Database", "Egress", "EventCodec", "EventModel", "Observability",
            "Signing", "Store",
        ]),
    tests(
        "FeedService",
        [
            "FeedService", "Backbone", "Crypto", "Database", "Egress", "EventCodec", "EventModel", "HTTPServer",
            "Inbound",
            "Observability", "Signing", "Store",
        ]),
    tests(
        "MatcherService",
        [
            "MatcherService", "EventModel", "EventCodec", "Backbone", "Database", "Matching", "Observability", "Store",
            "Triggers",
        ]),
    tests(
        "IngestService",
        [
            "IngestService", "Addresses", "EventModel", "EventCodec", "Crypto", "Inbound", "Backbone", "Store",
            "HTTPServer", "Observability", "Tracing",
        ]),
    tests("ToolService", ["ToolService", "Store", "Database", "EventCodec", "EventModel", "ServiceKit", "CLinux"]),
    // Alerts, dashboards and runbook, without running anything but promtool.
    tests("Monitoring", ["YAML", "EventCodec"]),
    tests("EndToEnd", ["EventModel", "EventCodec", "Encodings", "Crypto", "Database"], resources: [.copy("Fixtures")]),
]

/// Only where FUZZ is 1: it has no main of its own and links with `--sanitize=fuzzer` alone.
let isFuzzed = Context.environment["FUZZ"] == "1"
let libFuzzer: [Target] =
    isFuzzed
    ? [
        .executableTarget(
            name: "LibFuzzerCommand", dependencies: ["FuzzTargets"], path: "Tests/Fuzz/LibFuzzer",
            swiftSettings: swiftSettings + [.unsafeFlags(["-parse-as-library"])])
    ] : []

let benchmarks: [Target] = [
    .executableTarget(
        name: "MicroBenchmarks",
        dependencies: [
            "EventModel", "EventCodec", "Encodings", "Crypto", "Signing", "JSONPath", "Matching", "Inbound",
        ],
        path: "Benchmarks/Micro", swiftSettings: swiftSettings),
    .executableTarget(
        name: "BackboneBenchmarks",
        dependencies: ["Backbone", "Database", "EventModel", "Observability", "PostgresBackbone", "Store"],
        path: "Benchmarks/PostgresBackbone", swiftSettings: swiftSettings),
]

let package = Package(
    name: "fanfare",
    products: [
        .executable(name: "fanfare-ingest", targets: ["IngestCommand"]),
        .executable(name: "fanfare-feed", targets: ["FeedCommand"]),
        .executable(name: "fanfare-matcher", targets: ["MatcherCommand"]),
        .executable(name: "fanfare-delivery", targets: ["DeliveryCommand"]),
        .executable(name: "fanfare", targets: ["ToolCommand"]),
        .executable(name: "fanfare-fuzz", targets: ["FuzzCommand"]),
        .executable(name: "fanfare-microbench", targets: ["MicroBenchmarks"]),
        .executable(name: "fanfare-backbonebench", targets: ["BackboneBenchmarks"]),
    ] + (isFuzzed ? [.executable(name: "fanfare-libfuzzer", targets: ["LibFuzzerCommand"])] : []),
    targets: cLibraries + layers + services + testTargets + libFuzzer + benchmarks
)
