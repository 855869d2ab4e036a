import EventCodec

extension JSONValue {
    /// The text of a string, nil for any other value.
    var text: String? {
        if case .string(let text) = self { return text }
        return nil
    }
}
