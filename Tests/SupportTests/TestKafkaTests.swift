import TestSupport
import Testing

@Suite struct TestKafkaTests {
    @Test func `a node is started once for all tests and told by its address`() async throws {
        guard let kafka = try await TestKafka.shared() else { return }
        let again = try await TestKafka.shared()
        #expect(again === kafka)
        #expect(kafka.address.hasPrefix("127.0.0.1:"))
    }
}
