internal import CLinux
internal import Glibc
internal import TestSupport

@testable internal import ToolService

/// Somebody who listens on a port of the loopback interface.
final class TestListener {
    let port: Int
    private let descriptor: Int32

    init() throws {
        port = FreePorts.one()
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let isBound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        guard isBound, listen(descriptor, 1) == 0 else { throw Files.failure("listen") }
    }

    deinit { close(descriptor) }
}

extension Files {
    static func mode(_ path: String) -> mode_t {
        var information = stat()
        return stat(path, &information) == 0 ? information.st_mode & 0o7777 : 0
    }
}
