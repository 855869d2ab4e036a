internal import HTTPServer
internal import Store

extension ResponseStream {
    /// Pushes once the client has made room; one that takes nothing for `patience` while something waits is cut off.
    ///
    /// - Returns: false when the stream is over.
    func pushWhenRoom(_ bytes: [UInt8], patience: Duration) async -> Bool {
        while true {
            switch push(bytes) {
            case .queued: return true
            case .closed: return false
            case .full:
                let signal = WakeSignal()
                whenRoom(for: bytes.count) { signal.set() }
                if await !signal.wait(atMost: patience) {
                    abort()
                    return false
                }
            }
        }
    }
}
