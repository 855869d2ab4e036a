import Observability
import Testing

@Suite struct TraceContextTests {
    private let sample = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    @Test func `the recommendation's example survives a round trip`() throws {
        let context = try #require(TraceContext(traceparent: sample.utf8))
        #expect(context.traceHigh == 0x0af7_6519_16cd_43dd)
        #expect(context.traceLow == 0x8448_eb21_1c80_319c)
        #expect(context.span == 0xb7ad_6b71_6920_3331)
        #expect(context.isSampled)
        #expect(context.description == sample)
    }

    @Test func `a child keeps the trace and has a span of its own`() throws {
        let parent = try #require(TraceContext(traceparent: sample.utf8))
        let child = parent.child()
        #expect(child.traceHigh == parent.traceHigh && child.traceLow == parent.traceLow)
        #expect(child.flags == parent.flags)
        #expect(child.span != parent.span)
    }

    @Test func `new traces differ and are valid`() {
        let contexts = (0..<100).map { _ in TraceContext.root() }
        #expect(Set(contexts).count == 100)
        #expect(contexts.allSatisfy { TraceContext(traceparent: $0.description.utf8) == $0 && !$0.isSampled })
        #expect(TraceContext.root(sampled: true).description.hasSuffix("-01"))
    }

    @Test func `a later version may be longer and is read as far as it is known`() {
        #expect(TraceContext(traceparent: "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x".utf8) != nil)
        #expect(TraceContext(traceparent: "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00".utf8) != nil)
    }

    @Test(arguments: [
        "", "00", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-",
        "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01x",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
        "00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333g-01",
        "0x-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    ])
    func `anything else is ignored`(_ text: String) {
        #expect(TraceContext(traceparent: text.utf8) == nil)
    }
}
