import CCurl
import Testing

@testable import Egress

/// The mapping from what libcurl says to the classes of the audit.
@Suite struct CurlEndingTests {
    private func failure(_ code: CURLcode, _ change: (inout CurlEnding) -> Void = { _ in }) -> ExchangeResult
        .FailureClass?
    {
        var ending = CurlEnding(code: code)
        change(&ending)
        return ending.failure
    }

    @Test func `each code has its class`() {
        #expect(failure(CURLE_OK) == nil)
        #expect(failure(CURLE_OK) { $0.hasWholeHead = false } == .reset)
        #expect(failure(CURLE_COULDNT_RESOLVE_HOST) == .dns)
        #expect(failure(CURLE_COULDNT_CONNECT) == .connect)
        #expect(failure(CURLE_COULDNT_CONNECT) { $0.wasRefused = true } == .refusedByPolicy)
        #expect(failure(CURLE_ABORTED_BY_CALLBACK) { $0.wasRefused = true } == .refusedByPolicy)
        #expect(failure(CURLE_URL_MALFORMAT) == .refusedByPolicy)
        #expect(failure(CURLE_UNSUPPORTED_PROTOCOL) == .refusedByPolicy)
        for code in [
            CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CERTPROBLEM, CURLE_SSL_CACERT_BADFILE,
        ] {
            #expect(failure(code) { $0.isTLS = true } == .tls)
        }
        for code in [CURLE_GOT_NOTHING, CURLE_SEND_ERROR, CURLE_PARTIAL_FILE] { #expect(failure(code) == .reset) }
        #expect(failure(CURLE_ABORTED_BY_CALLBACK) { $0.wouldResend = true } == .reset)
        #expect(failure(CURLE_COULDNT_CONNECT) { $0.wouldResend = true } == .reset)
        for code in [CURLE_WEIRD_SERVER_REPLY, CURLE_HTTP2, CURLE_HTTP2_STREAM, CURLE_BAD_CONTENT_ENCODING] {
            #expect(failure(code) { $0.wasSent = true } == .protocolError)
        }
        #expect(failure(CURLE_WRITE_ERROR) { $0.wasTooLarge = true } == .tooLarge)
        #expect(failure(CURLE_WRITE_ERROR) { $0.wasMalformed = true } == .protocolError)
        #expect(failure(CURLE_OUT_OF_MEMORY) == .tooLarge)
    }

    @Test func `time ends before or after the connection stands`() {
        #expect(failure(CURLE_OPERATION_TIMEDOUT) == .timeoutConnect)
        #expect(failure(CURLE_OPERATION_TIMEDOUT) { $0.connected = 5 } == .timeout)
        #expect(
            failure(CURLE_OPERATION_TIMEDOUT) {
                $0.isTLS = true
                $0.connected = 5
            } == .timeoutConnect)
        #expect(
            failure(CURLE_OPERATION_TIMEDOUT) {
                $0.isTLS = true
                $0.connected = 5
                $0.secured = 9
            } == .timeout)
        // On a reused connection all times are 0.
        #expect(failure(CURLE_OPERATION_TIMEDOUT) { $0.wasSent = true } == .timeout)
    }

    @Test func `a failed read is a reset, an alert, or nonsense`() {
        #expect(failure(CURLE_RECV_ERROR) { $0.systemError = 104 } == .reset)
        #expect(failure(CURLE_RECV_ERROR) { $0.tlsFault = .alert } == .tls)
        #expect(failure(CURLE_RECV_ERROR) { $0.tlsFault = .broken } == .reset)
        #expect(failure(CURLE_RECV_ERROR) == .protocolError)
        #expect(failure(CURLE_RECV_ERROR) { $0.saysTooLarge = true } == .tooLarge)
    }
}
