/// A request as it stood on the wire.
public struct ReceivedRequest: Sendable {
    /// Which connection it came on, counted from 0 in order of acceptance.
    public let connection: Int
    /// Which request of that connection it is, counted from 0.
    public let indexOnConnection: Int
    /// `POST /path HTTP/1.1`.
    public let requestLine: String
    /// The header lines without line ends, in the order and case of the wire.
    public let headerLines: [String]
    public let body: [UInt8]

    public var method: String { String(requestLine.prefix { $0 != " " }) }

    public var target: String {
        requestLine.split(separator: " ").dropFirst().first.map(String.init) ?? ""
    }

    /// The value of the first header of the name (any case).
    public func header(_ name: String) -> String? {
        for line in headerLines {
            guard let colon = line.firstIndex(of: ":"), line[..<colon].lowercased() == name.lowercased() else {
                continue
            }
            return String(line[line.index(after: colon)...].drop { $0 == " " })
        }
        return nil
    }
}

/// What a `TestReceiver` does after it has read a request. After the last step the connection is read for the next
/// request, unless it was closed.
public enum ReceiverStep: Sendable {
    case send([UInt8])
    /// One byte at a time.
    case drip([UInt8], milliseconds: Int)
    /// The bytes over and over, until the peer leaves or the receiver stops.
    case endless([UInt8])
    /// Nothing, until the peer leaves or the receiver stops.
    case hold
    /// Until the gate opens.
    case wait(TestGate)
    /// Closes in order (FIN).
    case close
    /// Closes with a reset (RST).
    case reset

    public static func send(_ text: String) -> Self { .send(Array(text.utf8)) }

    /// A whole answer with `Content-Length`; the connection stays open.
    public static func answer(_ status: Int, headers: [String] = [], body: String = "") -> Self {
        let lines = ["HTTP/1.1 \(status) X"] + headers + (status == 204 ? [] : ["Content-Length: \(body.utf8.count)"])
        return .send(lines.joined(separator: "\r\n") + "\r\n\r\n" + body)
    }
}

/// What a `TestReceiver` does with a new connection.
public enum ReceiverGreeting: Sendable {
    case read
    /// Never reads.
    case hold
    case close
    case reset
}
