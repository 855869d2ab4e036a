internal import CMicroHTTPD
internal import Glibc

/// Reading a head from the library.
extension LoopState {
    /// - Throws: what is wrong with it; nothing ambiguous passes.
    func readHead(
        _ exchange: Exchange, method: UnsafePointer<CChar>, version: UnsafePointer<CChar>
    ) throws(HTTPError) -> (RequestHead, HeaderAssembler.Framing) {
        let target = try exchange.target.get()
        let methodBytes = bytes(method)
        let versionBytes = bytes(version)
        let version = try RequestLine.version(versionBytes)
        let method = try RequestLine.method(methodBytes)
        let size = fanfare_mhd_header_size(exchange.connection)
        guard size <= configuration.maxHeaderBytes else {
            throw HTTPError(
                status: 431, code: "headers_too_large",
                message: "the head of the request is longer than \(configuration.maxHeaderBytes) bytes")
        }
        var reading = Reading(
            assembler: assembler,
            layout: HeadLayout(method: methodBytes, target: exchange.targetPlace, version: versionBytes))
        assembler = HeaderAssembler()
        defer { assembler = reading.assembler }
        reading.assembler.reset()
        let count = withUnsafeMutablePointer(to: &reading) { reading in
            MHD_get_connection_values_n(
                exchange.connection, .HEADER_KIND,
                { context, _, name, nameLength, value, valueLength in
                    guard let context else { return .NO }
                    context.assumingMemoryBound(to: Reading.self).pointee.add(
                        name: UnsafeRawBufferPointer(start: name, count: nameLength),
                        value: UnsafeRawBufferPointer(start: value, count: valueLength))
                    return .YES
                }, reading)
        }
        if let start = methodBytes.baseAddress { reading.layout.end(start + size) }
        guard count <= configuration.maxHeaderCount else {
            throw HTTPError(
                status: 431, code: "too_many_headers",
                message: "the request has more than \(configuration.maxHeaderCount) header fields")
        }
        let framing = try reading.assembler.framing(version: version)
        guard reading.layout.isIntact else {
            throw .malformed("a line of the head is folded, does not end with CR LF, or holds a NUL")
        }
        let connection = connections[exchange.connectionID]
        let head = RequestHead(
            method: method, target: target, headers: reading.assembler.headers, version: version,
            peer: connection?.peer ?? .unknown, contentLength: framing.contentLength, isChunked: framing.isChunked,
            receivedAt: exchange.receivedAt, receivedAtWallClock: MonotonicClock.wallMicroseconds())
        return (head, framing)
    }

    /// What the library's callback fills.
    private struct Reading {
        var assembler: HeaderAssembler
        var layout: HeadLayout

        mutating func add(name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer) {
            layout.header(name: name, value: value)
            assembler.add(name: name, value: value)
        }
    }

    private func bytes(_ text: UnsafePointer<CChar>) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: text, count: strlen(text))
    }
}
