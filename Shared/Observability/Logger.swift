/// A structured log: one JSON object a line, `{"ts","level","service","msg",…fields}`, fields in the order given.
///
/// The message is a constant, so that entries can be counted and searched by it; everything that varies is a field.
///
/// ```swift
/// let log = Logger(service: "fanfare-ingest")
/// log.info("listening", ["address": "127.0.0.1:3400"])
/// log.warning("append failed", ["batch": .int(batch.count), "reason": .describing(error)])
/// ```
///
/// An entry below `level` costs a comparison (and whatever its fields cost to make).
public struct Logger: Sendable {
    public let level: LogLevel
    private let sink: any LogSink
    private let clock: @Sendable () -> Int64
    /// `,"service":"…"`, rendered once.
    private let service: [UInt8]
    /// `,"key":value…`, rendered once: the fields of every entry.
    private let context: [UInt8]

    /// A log of `service`.
    ///
    /// - Parameter clock: microseconds since 1970, for `ts`.
    public init(
        service: String, level: LogLevel = .info, sink: any LogSink = StandardErrorSink(),
        clock: (@Sendable () -> Int64)? = nil
    ) {
        self.level = level
        self.sink = sink
        self.clock = clock ?? LogTime.now
        var bytes = Array(#","service":"#.utf8)
        JSONText.append(service, to: &bytes)
        self.service = bytes
        context = []
    }

    private init(_ other: Logger, context: [UInt8]) {
        level = other.level
        sink = other.sink
        clock = other.clock
        service = other.service
        self.context = context
    }

    /// The same log with `fields` in each entry, before the entry's own.
    public func with(_ fields: KeyValuePairs<String, LogValue>) -> Logger {
        var context = context
        Logger.append(fields, to: &context)
        return Logger(self, context: context)
    }

    /// For developers; off unless asked for.
    public func debug(_ message: StaticString, _ fields: KeyValuePairs<String, LogValue> = [:]) {
        write(.debug, message, fields)
    }

    /// A step in the life of the process, or something an operator asked for.
    public func info(_ message: StaticString, _ fields: KeyValuePairs<String, LogValue> = [:]) {
        write(.info, message, fields)
    }

    /// Something is wrong and the process copes.
    public func warning(_ message: StaticString, _ fields: KeyValuePairs<String, LogValue> = [:]) {
        write(.warning, message, fields)
    }

    /// Something is wrong and needs a person.
    public func error(_ message: StaticString, _ fields: KeyValuePairs<String, LogValue> = [:]) {
        write(.error, message, fields)
    }

    func write(
        _ level: LogLevel, _ message: StaticString, _ fields: KeyValuePairs<String, LogValue>, suppressed: Int = 0
    ) {
        guard level >= self.level else { return }
        var line: [UInt8] = []
        line.reserveCapacity(160 + context.count + fields.count * 32)
        line.append(contentsOf: #"{"ts":""#.utf8)
        LogTime.append(microseconds: clock(), to: &line)
        line.append(contentsOf: #"","level":""#.utf8)
        line.append(contentsOf: level.rawValue.utf8)
        line.append(UInt8(ascii: "\""))
        line.append(contentsOf: service)
        line.append(contentsOf: #","msg":"#.utf8)
        JSONText.append(message.description, to: &line)
        line.append(contentsOf: context)
        Logger.append(fields, to: &line)
        if suppressed > 0 { Logger.append(["suppressed": .int(suppressed)], to: &line) }
        line.append(contentsOf: "}\n".utf8)
        sink.write(line)
    }

    private static func append(_ fields: KeyValuePairs<String, LogValue>, to line: inout [UInt8]) {
        for (key, value) in fields {
            line.append(UInt8(ascii: ","))
            JSONText.append(key, to: &line)
            line.append(UInt8(ascii: ":"))
            JSONText.append(value, to: &line)
        }
    }
}
