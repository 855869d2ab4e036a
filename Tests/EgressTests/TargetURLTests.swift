import Testing

@testable import Egress

@Suite struct TargetURLTests {
    private func code(_ text: String, _ policy: AddressPolicy = AddressPolicy()) -> TargetURLError.Code? {
        do throws(TargetURLError) {
            _ = try TargetURL(text, policy: policy)
            return nil
        } catch {
            return error.code
        }
    }

    @Test(arguments: [
        ("https://127.255.255.254/", TargetURLError.Code.address), ("https://LOCALHOST./", .name),
        ("https://a.localhost/", .name),
        ("https://0/", .host), ("https://2130706433/", .host), ("https://0x7f000001/", .host),
        ("https://0177.0.0.1/", .host),
        ("https://127.1/", .host), ("https://127.0.0.01/", .host), ("https://127。0。0。1/", .character),
        ("https://127.0.0.1%00.example.com/", .host), ("https://10.0.0.1/", .address),
        ("https://100.64.0.1/", .address),
        ("http://169.254.169.254/latest/meta-data/", .scheme), ("https://169.254.169.254/latest/meta-data/", .address),
        ("https://168.63.129.16/", .address), ("https://100.100.100.200/", .address), ("https://192.0.2.1/", .address),
        ("https://192.88.99.1/", .address), ("https://240.0.0.1/", .address), ("https://[::1]/", .address),
        ("https://[::ffff:127.0.0.1]/", .host), ("https://[::ffff:8.8.8.8]/", .host),
        ("https://[::127.0.0.1]/", .address),
        ("https://[::5efe:7f00:1]/", .address), ("https://[64:ff9b::808:808]/", .address),
        ("https://[64:ff9b:1::1]/", .address),
        ("https://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/", .address), ("https://[fe80::1%25eth0]/", .host),
        ("https://[fec0::1]/", .address), ("https://[2001:db8::1]/", .address), ("https://[5f00::1]/", .address),
        ("https://[100::1]/", .address), ("https://user:pw@example.com/", .userinfo),
        ("https://example.com\\@127.0.0.1/", .character), ("https://1.1.1.1 &@2.2.2.2# @3.3.3.3/", .character),
        ("ftp://example.com/", .scheme), ("gopher://127.0.0.1:6379/_", .scheme), ("//example.com/", .scheme),
        ("https://example.com:99999/", .port), ("https://metadata.google.internal/", .name),
        ("https://kubernetes.default.svc/", .name), ("https://example.com/\r\nX-Evil:1", .character),
        ("https://example.com/\\r\\nX-Evil:1", .character),
    ])
    func `targets of the deny list are refused`(_ text: String, _ expected: TargetURLError.Code) {
        #expect(code(text) == expected)
    }

    @Test(arguments: [
        "https://172.32.0.1/", "https://100.63.255.254/", "https://198.20.0.1/", "https://8.8.8.8/",
        "https://xn--pple-43d.com/",
    ])
    func `public targets are accepted as they are`(_ text: String) throws {
        #expect(try TargetURL(text, policy: AddressPolicy()).text == text)
    }

    @Test(arguments: [
        ("", TargetURLError.Code.length), (" ", .character), ("https://", .host), ("https:///", .host),
        ("https:example.com", .scheme),
        ("https:/example.com", .scheme), ("example.com", .scheme), ("://example.com", .scheme),
        ("http://example.com/", .scheme),
        ("javascript://example.com/", .scheme), ("https://@example.com/", .userinfo),
        ("https://example.com@/", .userinfo),
        ("https://a:b:c/", .port), ("https://example.com:/", .port), ("https://example.com:0/", .port),
        ("https://example.com:-1/", .port),
        ("https://example.com:080/", .port), ("https://example.com:65536/", .port),
        ("https://example.com:８0/", .character),
        ("https://example.com:22/", .port), ("https://example.com:25/", .port), ("https://example.com:6379/", .port),
        ("https://.example.com/", .host), ("https://example..com/", .host), ("https://example.com../", .host),
        ("https://./", .host),
        ("https://-a.com/", .host), ("https://a-.com/", .host), ("https://exa mple.com/", .character),
        ("https://a%2eb.com/", .host),
        ("https://a,b.com/", .host), ("https://[::1/", .host), ("https://[::1]x/", .host), ("https://[::1]:x/", .port),
        ("https://[1.2.3.4]/", .host), ("https://[]/", .host), ("https://::1/", .host), ("https://1.2.3/", .host),
        ("https://1.2.3.4./", .host), ("https://example.0x1/", .host), ("https://example.123/", .host),
        ("https://0X7F.1/", .host),
        ("https://8.8.8.8.8/", .host), ("https://example.com/#a", .fragment), ("https://example.com#", .fragment),
        ("https://example.com/%", .path), ("https://example.com/%2", .path), ("https://example.com/%zz", .path),
        ("https://example.com/<>", .path), ("https://example.com/\u{0}", .character),
        ("https://example.com/\t", .character),
        ("https://example.com/\u{7F}", .character), ("https://example.com/é", .character),
        ("https://①②⑦.⓪.⓪.①/", .character),
        ("https://printer.local/", .name), ("https://x.svc.cluster.local/", .name), ("https://vault.internal./", .name),
        ("HTTPS://[0:0:0:0:0:0:0:1]/", .address), ("https://0.0.0.0/", .address),
    ])
    func `what is not plainly one thing is refused`(_ text: String, _ expected: TargetURLError.Code) {
        #expect(code(text) == expected)
    }

    @Test func `lengths have limits`() {
        let label = String(repeating: "a", count: 63)
        #expect(code("https://\(label)a.com/") == .host)
        #expect(code("https://\(label).com/") == nil)
        let long = [label, label, label, String(repeating: "b", count: 61)].joined(separator: ".")
        #expect(long.utf8.count == 253)
        #expect(code("https://\(long)/") == nil)
        #expect(code("https://\(long)./") == nil)
        #expect(code("https://\(long)b/") == .host)
        let path = String(repeating: "p", count: TargetURL.maximumLength - "https://e.com/".utf8.count)
        #expect(code("https://e.com/\(path)") == nil)
        #expect(code("https://e.com/\(path)p") == .length)
    }

    @Test(arguments: [
        ("HTTPS://Example.COM", "https://example.com/"),
        ("https://example.com.:443/A?b=%2F", "https://example.com/A?b=%2F"),
        ("https://example.com:8443?x", "https://example.com:8443/?x"),
        ("https://e.com/a/../b//c;d=e?q=[1]&r='()*!$+,:@/?", nil),
        ("https://[2606:4700:0:0:0:0:0:1111]:444/", "https://[2606:4700::1111]:444/"),
        ("https://a_b.example.com/", nil),
    ])
    func `the canonical form`(_ text: String, _ canonical: String?) throws {
        let url = try TargetURL(text, policy: AddressPolicy())
        #expect(url.text == canonical ?? text)
        #expect(try TargetURL(url.text, policy: AddressPolicy()) == url)
    }

    @Test func `the parts`() throws {
        let url = try TargetURL("http://Receiver.test:8080/in?a=b", policy: .development)
        #expect(url.scheme == .http)
        #expect(url.host == .name("receiver.test"))
        #expect(url.port == 8080)
        #expect(url.pathAndQuery == "/in?a=b")
        #expect(try TargetURL("http://[::1]/", policy: .development).host == .address(IPAddress(v6: 1)))
        #expect(try TargetURL("http://127.0.0.1/", policy: .development).port == 80)
    }

    @Test func `development takes local targets, not metadata services`() {
        for text in [
            "http://localhost:3000/", "http://127.0.0.1:3000/", "http://[::1]:3000/", "http://web.default.svc/",
        ] {
            #expect(code(text, .development) == nil)
        }
        for text in ["http://169.254.169.254/", "http://[fd00:ec2::254]/", "http://100.100.100.200/"] {
            #expect(code(text, .development) == .address)
        }
        #expect(code("http://metadata.google.internal/", .development) == .name)
        #expect(code("http://127.1:3000/", .development) == .host)
        #expect(code("http://127.0.0.1:6379/", .development) == .port)
    }

    @Test func `NAT64 is public where it is declared`() throws {
        var policy = AddressPolicy()
        policy.nat64 = AddressRange("64:ff9b::/96")
        #expect(code("https://[64:ff9b::808:808]/", policy) == nil)
        #expect(code("https://[64:ff9b::a00:1]/", policy) == .address)
    }
}
