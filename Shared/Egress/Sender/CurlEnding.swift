internal import CCurl

/// What libcurl says at the end of a transfer, and the class that it means.
struct CurlEnding {
    enum TLSFault {
        case none
        /// The peer said why it ends the session.
        case alert
        /// The session ended without its proper end.
        case broken
    }

    var code: CURLcode
    /// The last error of the system, 0 if there was none.
    var systemError: Int = 0
    var isTLS = false
    /// The request went out, or began to.
    var wasSent = false
    /// libcurl was about to send the request a second time.
    var wouldResend = false
    /// The empty line after the answer's headers was seen.
    var hasWholeHead = true
    /// One of our guards refused the address.
    var wasRefused = false
    /// Its caller may not send it any more.
    var wasWithheld = false
    /// One of our caps was reached.
    var wasTooLarge = false
    /// One of our checks refused the answer.
    var wasMalformed = false
    /// Microseconds until the connection and the TLS handshake stood; 0 if they never did.
    var connected: Int64 = 0
    var secured: Int64 = 0
    /// What the message says of the TLS layer.
    var tlsFault = TLSFault.none
    /// The message says that the answer's headers were too large for libcurl's own cap.
    var saysTooLarge = false

    var failure: ExchangeResult.FailureClass? {
        if wasWithheld { return .cancelled }
        if wasRefused { return .refusedByPolicy }
        if wouldResend { return .reset }
        if wasTooLarge { return .tooLarge }
        if wasMalformed { return .protocolError }
        switch code {
        // libcurl is content with a status line and the end of the connection.
        case CURLE_OK: return hasWholeHead ? nil : .reset
        case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY: return .dns
        case CURLE_URL_MALFORMAT, CURLE_UNSUPPORTED_PROTOCOL: return wasSent ? .protocolError : .refusedByPolicy
        case CURLE_COULDNT_CONNECT: return .connect
        case CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CERTPROBLEM, CURLE_SSL_CIPHER,
            CURLE_SSL_CACERT_BADFILE, CURLE_SSL_ISSUER_ERROR, CURLE_SSL_PINNEDPUBKEYNOTMATCH,
            CURLE_SSL_INVALIDCERTSTATUS, CURLE_SSL_CLIENTCERT, CURLE_USE_SSL_FAILED, CURLE_SSL_ENGINE_NOTFOUND,
            CURLE_SSL_ENGINE_SETFAILED:
            return .tls
        case CURLE_OPERATION_TIMEDOUT:
            let stood = connected != 0 && (!isTLS || secured != 0)
            return stood || wasSent ? .timeout : .timeoutConnect
        case CURLE_RECV_ERROR:
            if saysTooLarge { return .tooLarge }
            if systemError != 0 { return .reset }
            switch tlsFault {
            case .none: return .protocolError
            // A TLS 1.3 server refuses our certificate after the handshake.
            case .alert: return .tls
            case .broken: return .reset
            }
        case CURLE_GOT_NOTHING, CURLE_SEND_ERROR, CURLE_PARTIAL_FILE, CURLE_ABORTED_BY_CALLBACK: return .reset
        case CURLE_OUT_OF_MEMORY: return .tooLarge
        default: return wasSent ? .protocolError : .connect
        }
    }
}
