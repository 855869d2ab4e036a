// Measures the backbone on Postgres by its stages: events a second, and CPU of server and client an event.
//
//     swift run -c release fanfare-backbonebench DSN [--events N] [--rate R] [--batch B] [--fan-out F] [--keyed]
//
// The database must be empty or hold Fanfare's schema; what is measured stays in it. The server must run on this machine:
// its CPU time is read from /proc.
internal import Backbone
internal import Database
internal import EventModel
internal import Glibc
internal import Observability
internal import PostgresBackbone
internal import Store

var settings = Settings()
var dsn: String?
var arguments = CommandLine.arguments.dropFirst().makeIterator()
while let argument = arguments.next() {
    func number() -> Int { arguments.next().flatMap { Int($0) } ?? 0 }
    switch argument {
    case "--events": settings.events = number()
    case "--rate": settings.rate = number()
    case "--batch": settings.batch = number()
    case "--fan-out": settings.fanOut = number()
    case "--envelope": settings.envelopeBytes = number()
    case "--keyed": settings.isKeyed = true
    case "--only": settings.only = arguments.next()
    default: dsn = argument
    }
}
guard let dsn else {
    print("a DSN is needed")
    exit(2)
}
let bench = try await StageBenchmark(DatabaseConfiguration(dsn: dsn), settings)
try await bench.run()
