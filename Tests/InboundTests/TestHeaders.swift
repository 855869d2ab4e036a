import EventCodec
import Inbound
import TestSupport

extension InboundVector {
    var kind: InboundKind? {
        InboundChannel(rawValue: channel).map(InboundKind.channel)
            ?? preset.flatMap(InboundPreset.init).map(InboundKind.preset)
    }
}

extension JSONValue {
    var text: String? {
        if case .string(let text) = self { text } else { nil }
    }
}

/// Headers of a test.
struct TestHeaders: InboundHeaders {
    let fields: [(name: String, value: String)]

    init(_ fields: [(name: String, value: String)]) {
        self.fields = fields
    }

    func bytes(_ name: String) -> ArraySlice<UInt8>? {
        fields.first { $0.name.lowercased() == name.lowercased() }.map { Array($0.value.utf8)[...] }
    }

    func count(of name: String) -> Int { fields.filter { $0.name.lowercased() == name.lowercased() }.count }
}
