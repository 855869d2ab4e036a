/// The rules for the first line of a request; the C library passes any method, target and version on.
enum RequestLine {
    /// - Throws: 400 for what is no method at all, 501 for one this server does not know (RFC 9110 §9.1).
    static func method(_ bytes: UnsafeRawBufferPointer) throws(HTTPError) -> HTTPMethod {
        for method in HTTPMethod.allCases where bytes.elementsEqual(method.rawValue.utf8) { return method }
        guard !bytes.isEmpty, bytes.allSatisfy(ASCII.isToken) else {
            throw .malformed("the method has characters that are not allowed")
        }
        throw HTTPError(status: 501, code: "method_not_implemented", message: "this server does not know that method")
    }

    /// - Throws: 505 for any version but 1.0 and 1.1.
    static func version(_ bytes: UnsafeRawBufferPointer) throws(HTTPError) -> HTTPVersion {
        if bytes.elementsEqual(HTTPVersion.http11.rawValue.utf8) { return .http11 }
        if bytes.elementsEqual(HTTPVersion.http10.rawValue.utf8) { return .http10 }
        throw HTTPError(status: 505, code: "version_not_supported", message: "this server speaks HTTP/1.0 and HTTP/1.1")
    }

    /// Refuses every target but the origin form (RFC 9112 §3.2.1) in printable ASCII.
    ///
    /// - Throws: 400; 414 where it is longer than `limit` bytes.
    static func checkTarget(_ bytes: UnsafeRawBufferPointer, limit: Int) throws(HTTPError) {
        guard bytes.count <= limit else {
            throw HTTPError(
                status: 414, code: "target_too_long", message: "the request target is longer than \(limit) bytes")
        }
        guard bytes.first == UInt8(ascii: "/") else {
            throw .malformed("the request target does not begin with a slash")
        }
        for byte in bytes where byte <= ASCII.space || byte >= ASCII.delete || byte == UInt8(ascii: "#") {
            throw .malformed("the request target has characters that are not allowed")
        }
    }
}
