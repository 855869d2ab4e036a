/// Who we are and whom we trust towards one endpoint. Make it once an endpoint and keep it: connections are shared by
/// exchanges with equal options only.
public final class TLSOptions: Sendable {
    /// A client certificate (PEM, leaf first) and its key (PEM).
    public struct Identity: Sendable {
        public let certificate: [UInt8]
        let key: [UInt8]

        public init(certificate: [UInt8], key: [UInt8]) {
            self.certificate = certificate
            self.key = key
        }
    }

    let certificate: [UInt8]
    let key: [UInt8]
    let authorities: [UInt8]
    /// Tells options apart where a whole comparison would be too much.
    let fingerprint: UInt64

    /// - Parameters:
    ///   - identity: What we show, if anything.
    ///   - authorities: The only CAs that we trust (PEM); empty: the system's.
    public init(identity: Identity? = nil, authorities: [UInt8] = []) {
        var hasher = Hasher()
        hasher.combine(identity?.certificate)
        hasher.combine(identity?.key)
        hasher.combine(authorities)
        let fingerprint = UInt64(bitPattern: Int64(hasher.finalize()))
        self.fingerprint = fingerprint
        self.key = identity?.key ?? []
        self.authorities = authorities
        // libcurl shares a connection between equal certificates even if their keys differ. Text outside of a PEM block
        // is a comment to OpenSSL and part of libcurl's comparison.
        self.certificate = identity.map { $0.certificate + Array("\nkey \(fingerprint)\n".utf8) } ?? []
    }
}
