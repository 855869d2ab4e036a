import Testing

@testable import DeliveryService

@Suite struct AttemptResultTests {
    @Test func `a 2xx that was read counts, whatever became of the rest of the answer`() {
        for failure in ["too_large", "reset", "timeout"] {
            var result = AttemptResult(status: 200)
            result.failure = failure
            #expect(result.isSuccess)
            #expect(result.errorClass == nil)
        }
    }

    @Test func `a failure names its class before the status does`() {
        var result = AttemptResult(status: 500)
        #expect(result.errorClass == "http_5xx")
        result.failure = "too_large"
        #expect(!result.isSuccess)
        #expect(result.errorClass == "too_large")
    }
}
