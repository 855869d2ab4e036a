internal import CLinux
internal import Glibc

/// A certificate authority and what it has signed, made by the `openssl` command when a test first asks.
public struct TestCertificates: Sendable {
    /// The authority's certificate (PEM).
    public let authority: [UInt8]
    public let authorityFile: String
    /// For `receiver.test` and 127.0.0.1.
    public let server: TestTLSIdentity
    /// The same, but its time is over.
    public let expired: TestTLSIdentity
    /// For `other.test` only.
    public let otherHost: TestTLSIdentity
    /// For `receiver.test`, signed by itself.
    public let selfSigned: TestTLSIdentity
    /// A client's certificate and key (PEM).
    public let client: (certificate: [UInt8], key: [UInt8])
    /// A key that belongs to nothing.
    public let strayKey: [UInt8]

    public static func make() async throws -> TestCertificates {
        let folder = try TestFolders.temporary("tls")
        let status = TestCollector<Int32>()
        let log = folder + "/log"
        let pid = try Spawn.run(
            ["/bin/sh", "-c", script], environment: Spawn.environment([:]), input: nil, output: log, errors: log,
            folder: folder)
        TestThread {
            var code: Int32 = 0
            while waitpid(pid, &code, 0) < 0, errno == EINTR {}
            status.append(code)
        }.detach()
        guard await status.first(1) == [0] else { throw SpawnError("openssl: \(TestFolders.text(of: log))") }
        return TestCertificates(folder: folder)
    }

    private init(folder: String) {
        func bytes(_ name: String) -> [UInt8] { Array(TestFolders.text(of: "\(folder)/\(name)").utf8) }
        func identity(_ name: String) -> TestTLSIdentity {
            TestTLSIdentity(certificateFile: "\(folder)/\(name).pem", keyFile: "\(folder)/\(name).key")
        }
        authority = bytes("ca.pem")
        authorityFile = folder + "/ca.pem"
        server = identity("server")
        expired = identity("expired")
        otherHost = identity("other")
        selfSigned = identity("self")
        client = (bytes("client.pem"), bytes("client.key"))
        strayKey = bytes("stray.key")
    }

    private static let script = """
        set -e
        key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out $1.key; }
        printf '[req]\\ndistinguished_name=dn\\n[dn]\\n[ca]\\nbasicConstraints=critical,CA:TRUE\\n' > cnf
        sign_self() {
            key $1
            openssl req -config cnf -x509 -new -key $1.key -days 30 -subj "/CN=$1" -out $1.pem "$2" "$3"
        }
        issue() {
            key $1
            openssl req -config cnf -new -key $1.key -subj "/CN=$1" -out $1.csr
            echo "subjectAltName=$2" > $1.ext
            openssl x509 -req -in $1.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days $3 -extfile $1.ext -out $1.pem
        }
        sign_self ca -extensions ca
        sign_self self -addext subjectAltName=DNS:receiver.test
        issue server DNS:receiver.test,IP:127.0.0.1 30
        issue expired DNS:receiver.test -1
        issue other DNS:other.test 30
        issue client DNS:client.test 30
        key stray
        """
}
