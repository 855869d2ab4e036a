/// How a route says what went wrong; a door of a foreign protocol brings its own.
public struct ErrorForm: Sendable {
    public let render: @Sendable (HTTPError) -> Response

    public init(render: @escaping @Sendable (HTTPError) -> Response) {
        self.render = render
    }

    /// `{"error":{"code":…,"message":…,"param":…}}`, `param` null where no field is at fault.
    public static let standard = ErrorForm { error in
        var bytes = Array(#"{"error":{"code":"#.utf8)
        JSONString.append(error.code, to: &bytes)
        bytes += Array(#","message":"#.utf8)
        JSONString.append(error.message, to: &bytes)
        bytes += Array(#","param":"#.utf8)
        if let param = error.param {
            JSONString.append(param, to: &bytes)
        } else {
            bytes += Array("null".utf8)
        }
        for extra in error.extras {
            bytes.append(UInt8(ascii: ","))
            JSONString.append(extra.name, to: &bytes)
            bytes.append(UInt8(ascii: ":"))
            JSONString.append(extra.value, to: &bytes)
        }
        bytes += Array("}}".utf8)
        return .json(error.status, bytes, headers: error.headers)
    }
}
