internal import Glibc

/// What a new cluster's `postgresql.conf` says beside the server's defaults. Operators may change it there.
struct PostgresSettings {
    let hasLZ4: Bool

    var text: String {
        """

        # fanfare: a feed of small rows that are inserted once, and a few counter rows that change all the time.
        shared_buffers = 256MB
        max_connections = 200
        shared_preload_libraries = 'pg_stat_statements'
        pg_stat_statements.track_planning = off
        # An acknowledged event is on disk.
        synchronous_commit = on
        # After a crash, one call instead of one for each of a thousand files.
        recovery_init_sync_method = syncfs
        wal_compression = \(hasLZ4 ? "lz4" : "on")
        max_wal_size = 4GB
        checkpoint_timeout = 15min
        # Plans are short and repeat: compiling them takes longer than running them.
        jit = off
        random_page_cost = 1.1
        # Counter rows stay short only while their dead versions are taken away quickly.
        autovacuum_naptime = 5s
        autovacuum_vacuum_cost_delay = 1ms
        autovacuum_max_workers = 4
        log_checkpoints = off
        log_autovacuum_min_duration = 10s
        log_line_prefix = '%m [%p] %a '
        timezone = 'UTC'

        """
    }

    func append(to path: String) throws(ToolError) {
        guard let file = fopen(path, "ae") else { throw Files.failure("cannot write \(path)") }
        let isWritten = fputs(text, file) >= 0
        guard fclose(file) == 0, isWritten else { throw Files.failure("cannot write \(path)") }
    }
}
