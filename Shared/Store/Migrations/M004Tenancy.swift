/// Tenants, tokens, workspaces, webhooks and their revisions.
enum M004Tenancy {
    static let sql = """
        create table fanfare.tenants (
            id text collate "C" primary key,
            name text not null default '',
            created_at timestamptz not null default now()
        );

        create table fanfare.tokens (
            id text collate "C" primary key,
            sha256 bytea not null unique,
            -- null: an operator's token, of no tenant
            tenant_id text collate "C" references fanfare.tenants on delete cascade,
            scopes text[] not null,
            label text not null default '',
            hint text not null,
            created_at timestamptz not null default now(),
            expires_at timestamptz,
            revoked_at timestamptz
        );
        create index tokens_tenant on fanfare.tokens (tenant_id, id);

        create table fanfare.workspaces (
            id text collate "C" primary key,
            tenant_id text collate "C" not null references fanfare.tenants on delete cascade,
            name text not null default '',
            -- what a sender to its door must show
            require text collate "C" not null default 'none' check (require in ('none', 'secret', 'signature')),
            -- null: no limit of its own
            rate_per_s double precision check (rate_per_s > 0),
            -- `x-request-id` is no dedupe key here: a balancer in front invents it
            ignore_request_id boolean not null default false,
            -- sealed secrets, newest first, as `SecretBox` writes them; empty while nothing is required
            secrets text[] not null default '{}',
            created_at timestamptz not null default now()
        );
        create index workspaces_tenant on fanfare.workspaces (tenant_id, id);

        create table fanfare.webhooks (
            id text collate "C" primary key,
            tenant_id text collate "C" not null references fanfare.tenants on delete cascade,
            url text not null,
            events text[] not null,
            status text collate "C" not null check (status in ('active', 'paused', 'pending', 'disabled')),
            status_reason text,
            timeout_s int,
            schedule int[],
            description text not null default '',
            metadata text not null default '{}',
            -- sealed secrets, newest first, as `SecretBox` writes them
            secrets text[] not null,
            version bigint not null,
            created_at timestamptz not null default now(),
            updated_at timestamptz not null default now()
        );
        create index webhooks_tenant on fanfare.webhooks (tenant_id, id);

        -- What was in force when: revision r of a webhook decides for from_pos <= pos < to_pos. Append-only but for
        -- `to_pos`, which is set once. Loaded by version into the matchers and the delivery workers.
        create table fanfare.webhook_revisions (
            version bigint primary key,
            webhook_id text collate "C" not null,
            tenant_id text collate "C" not null,
            from_pos bigint not null,
            to_pos bigint,
            status text collate "C" not null,
            url text not null,
            events text[] not null,
            timeout_s int,
            schedule int[],
            secrets text[] not null,
            made_at timestamptz not null default now()
        );
        create index webhook_revisions_webhook on fanfare.webhook_revisions (webhook_id, version);
        create index webhook_revisions_tenant on fanfare.webhook_revisions (tenant_id, webhook_id);

        -- Tokens, workspaces and tenants: what ingest and feed keep in memory reloads when this moves.
        create table fanfare.directory_version (
            shard int primary key default 0 check (shard = 0),
            version bigint not null default 1
        ) with (fillfactor = 10);
        insert into fanfare.directory_version default values;
        create function fanfare.directory_changed() returns trigger language plpgsql as $$
        begin
            update fanfare.directory_version set version = version + 1 where shard = 0;
            perform pg_notify('fanfare_directory', '');
            return null;
        end $$;
        create trigger tenants_changed after insert or update or delete on fanfare.tenants
            for each statement execute function fanfare.directory_changed();
        create trigger tokens_changed after insert or update or delete on fanfare.tokens
            for each statement execute function fanfare.directory_changed();
        create trigger workspaces_changed after insert or update or delete on fanfare.workspaces
            for each statement execute function fanfare.directory_changed();

        -- Makes what stands in `webhooks` the revision in force from the next position on. Called in the transaction
        -- that changed the row, as its last statement: it takes the head's lock. p_status 'deleted' ends the webhook.
        create function fanfare.revise_webhook_v1(p_webhook text, p_status text) returns bigint
        language plpgsql volatile as $$
        declare
            v_version bigint;
            v_from bigint;
        begin
            update fanfare.feed_head set config_version = config_version + 1 where shard = 0
            returning config_version, next_pos into v_version, v_from;
            update fanfare.webhook_revisions set to_pos = v_from where webhook_id = p_webhook and to_pos is null;
            insert into fanfare.webhook_revisions (version, webhook_id, tenant_id, from_pos, status, url, events,
                timeout_s, schedule, secrets)
            select v_version, w.id, w.tenant_id, v_from, coalesce(p_status, w.status), w.url, w.events, w.timeout_s,
                w.schedule, w.secrets
            from fanfare.webhooks w where w.id = p_webhook;
            update fanfare.webhooks set version = v_version, updated_at = now() where id = p_webhook;
            perform pg_notify('fanfare_config', v_version::text);
            return v_version;
        end $$;

        -- A tenant's own event types (the seeds' catalogue is part of the program).
        create table fanfare.event_types (
            tenant_id text collate "C" not null references fanfare.tenants on delete cascade,
            type text collate "C" not null,
            description text not null default '',
            document text not null default '{}',
            created_at timestamptz not null default now(),
            primary key (tenant_id, type)
        );
        """
}
