internal import CMicroHTTPD
internal import Glibc

/// Reading a head from the library.
extension LoopState {
    /// - Throws: what is wrong with it; nothing ambiguous passes.
    func readHead(
        _ exchange: Exchange, method: UnsafePointer<CChar>, version: UnsafePointer<CChar>
    ) throws(HTTPError) -> (RequestHead, HeaderAssembler.Framing) {
        let target = try exchange.target.get()
        let version = try RequestLine.version(bytes(version))
        let method = try RequestLine.method(bytes(method))
        let size = fanfare_mhd_header_size(exchange.connection)
        guard size <= configuration.maxHeaderBytes else {
            throw HTTPError(
                status: 431, code: "headers_too_large",
                message: "the head of the request is longer than \(configuration.maxHeaderBytes) bytes")
        }
        assembler.reset()
        let count = withUnsafeMutablePointer(to: &assembler) { assembler in
            MHD_get_connection_values_n(
                exchange.connection, .HEADER_KIND,
                { context, _, name, nameLength, value, valueLength in
                    guard let context else { return .NO }
                    context.assumingMemoryBound(to: HeaderAssembler.self).pointee.add(
                        name: UnsafeRawBufferPointer(start: name, count: nameLength),
                        value: UnsafeRawBufferPointer(start: value, count: valueLength))
                    return .YES
                }, assembler)
        }
        guard count <= configuration.maxHeaderCount else {
            throw HTTPError(
                status: 431, code: "too_many_headers",
                message: "the request has more than \(configuration.maxHeaderCount) header fields")
        }
        let framing = try assembler.framing(version: version)
        let connection = connections[exchange.connectionID]
        let head = RequestHead(
            method: method, target: target, headers: assembler.headers, version: version,
            peer: connection?.peer ?? .unknown, contentLength: framing.contentLength, isChunked: framing.isChunked,
            receivedAt: exchange.receivedAt, receivedAtWallClock: MonotonicClock.wallMicroseconds())
        return (head, framing)
    }

    private func bytes(_ text: UnsafePointer<CChar>) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: text, count: strlen(text))
    }
}
