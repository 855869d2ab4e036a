/// The doors and the agents: integrations with their sealed secrets, who plays which role in a workspace, the runs that
/// events started, what the audit says of requests to doors, and seed 3's two views.
enum M008Inbound {
    static let sql = """
        -- Versions are given out under a lock that is held until commit, so a reader that has seen one has seen every
        -- lower one. A sequence, because a counter row would be rewritten once an integration in a bulk load.
        create sequence fanfare.integration_versions;
        create function fanfare.next_integration_version_v1() returns bigint language plpgsql volatile as $$
        begin
            perform pg_advisory_xact_lock(hashtext('fanfare.integrations'), 0);
            return nextval('fanfare.integration_versions');
        end $$;

        create table fanfare.integrations (
            id text collate "C" primary key,
            tenant_id text collate "C" not null references fanfare.tenants on delete cascade,
            channel text collate "C" not null,
            name text not null default '',
            -- a JSON object, checked by the API
            config text not null default '{}',
            is_active boolean not null default true,
            -- Sets of secrets, newest first: each a JSON object that `SecretBox` sealed as a whole. The first is in
            -- force; `secret_until` says of the others, in order, how long they are still taken.
            secrets text[] not null,
            secret_ids text[] not null,
            secret_made timestamptz[] not null,
            secret_until timestamptz[] not null default '{}',
            version bigint not null,
            created_at timestamptz not null default now(),
            updated_at timestamptz not null default now(),
            check (cardinality(secrets) = cardinality(secret_ids) and cardinality(secrets) = cardinality(secret_made)
                and cardinality(secrets) = cardinality(secret_until) + 1)
        );
        create unique index integrations_version on fanfare.integrations (version);
        create index integrations_tenant on fanfare.integrations (tenant_id, id);

        -- What is no more, for those who hold it in memory.
        create table fanfare.integration_ends (
            version bigint primary key,
            integration_id text collate "C" not null,
            ended_at timestamptz not null default now()
        );

        create function fanfare.integration_written() returns trigger language plpgsql as $$
        begin
            new.version := fanfare.next_integration_version_v1();
            new.updated_at := now();
            return new;
        end $$;
        create function fanfare.integration_ended() returns trigger language plpgsql as $$
        begin
            insert into fanfare.integration_ends (version, integration_id)
            values (fanfare.next_integration_version_v1(), old.id);
            return null;
        end $$;
        create function fanfare.integrations_changed() returns trigger language plpgsql as $$
        begin
            perform pg_notify('fanfare_integrations', '');
            return null;
        end $$;
        create trigger integration_written before insert or update on fanfare.integrations
            for each row execute function fanfare.integration_written();
        create trigger integration_ended after delete on fanfare.integrations
            for each row execute function fanfare.integration_ended();
        create trigger integrations_changed after insert or update or delete on fanfare.integrations
            for each statement execute function fanfare.integrations_changed();

        -- Puts a set of secrets in front; the one in force is taken for p_overlap longer, older ones as long as was
        -- said before. At most p_keep sets are kept.
        create function fanfare.rotate_integration_v1(
            p_tenant text, p_id text, p_secret_id text, p_secret text, p_overlap interval, p_keep int
        ) returns setof fanfare.integrations language plpgsql volatile as $$
        declare
            v_old fanfare.integrations;
            v_live int;
        begin
            select * into v_old from fanfare.integrations where tenant_id = p_tenant and id = p_id for update;
            if not found then return; end if;
            -- ends are in falling order, since every rotation sets a later one
            select count(*) into v_live from unnest(v_old.secret_until) u where u > now();
            v_live := least(v_live, p_keep - 2);
            return query update fanfare.integrations set
                secrets = p_secret || v_old.secrets[1:v_live + 1],
                secret_ids = p_secret_id || v_old.secret_ids[1:v_live + 1],
                secret_made = now() || v_old.secret_made[1:v_live + 1],
                secret_until = (now() + p_overlap) || v_old.secret_until[1:v_live]
            where id = p_id returning *;
        end $$;

        -- Who plays a role in a workspace. A role is the type of the events that it answers.
        create table fanfare.agent_roles (
            workspace_id text collate "C" not null references fanfare.workspaces on delete cascade,
            role text collate "C" not null,
            tenant_id text collate "C" not null,
            agent_id text not null,
            created_at timestamptz not null default now(),
            updated_at timestamptz not null default now(),
            primary key (workspace_id, role)
        );

        -- As `webhook_revisions`: what was in force for from_pos <= pos < to_pos, by the same versions, so that a repeated
        -- fan-out finds the same agents. No agent: from then on nobody plays it.
        create table fanfare.role_revisions (
            version bigint not null,
            workspace_id text collate "C" not null,
            role text collate "C" not null,
            tenant_id text collate "C" not null,
            agent_id text,
            from_pos bigint not null,
            to_pos bigint,
            made_at timestamptz not null default now(),
            primary key (version, workspace_id, role)
        );
        create index role_revisions_role on fanfare.role_revisions (workspace_id, role) where to_pos is null;

        -- The last thing that a statement does, workspaces that go included: it takes the feed's head.
        create function fanfare.roles_changed() returns trigger language plpgsql as $$
        declare
            v_version bigint;
            v_from bigint;
        begin
            if not exists (select 1 from changed) then return null; end if;
            update fanfare.feed_head set config_version = config_version + 1 where shard = 0
            returning config_version, next_pos into v_version, v_from;
            update fanfare.role_revisions r set to_pos = v_from from changed c
            where r.workspace_id = c.workspace_id and r.role = c.role and r.to_pos is null;
            insert into fanfare.role_revisions (version, workspace_id, role, tenant_id, agent_id, from_pos)
            select v_version, c.workspace_id, c.role, c.tenant_id, case when tg_op <> 'DELETE' then c.agent_id end, v_from
            from changed c;
            perform pg_notify('fanfare_config', v_version::text);
            return null;
        end $$;
        create trigger roles_made after insert on fanfare.agent_roles
            referencing new table as changed for each statement execute function fanfare.roles_changed();
        create trigger roles_changed after update on fanfare.agent_roles
            referencing new table as changed for each statement execute function fanfare.roles_changed();
        create trigger roles_ended after delete on fanfare.agent_roles
            referencing old table as changed for each statement execute function fanfare.roles_changed();

        create table fanfare.agent_chats (
            id text collate "C" primary key,
            tenant_id text collate "C" not null,
            workspace_id text collate "C",
            agent_id text not null,
            created_at timestamptz not null default now()
        );

        -- What events started. An id is a function of the event and of what answered it, so whoever fans the event out
        -- again finds the run that is there.
        create table fanfare.agent_runs (
            seq bigint generated always as identity,
            id text collate "C" primary key,
            chat_id text collate "C" not null,
            tenant_id text collate "C" not null,
            workspace_id text collate "C",
            event_id text collate "C" not null,
            event_type text collate "C" not null,
            agent_id text not null,
            role text collate "C",
            trigger_id text collate "C",
            inputs text not null default '{}',
            state text collate "C" not null default 'queued'
                check (state in ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
            result text,
            -- when the log had taken `agent.run.queued`; null: whoever made the run has not got so far
            announced_at timestamptz,
            created_at timestamptz not null default now(),
            updated_at timestamptz not null default now()
        );
        create index agent_runs_tenant on fanfare.agent_runs (tenant_id, seq);
        create index agent_runs_event on fanfare.agent_runs (event_id);
        create index agent_runs_created on fanfare.agent_runs (created_at);
        create index agent_chats_created on fanfare.agent_chats (created_at);

        -- Makes runs and their chats where they are not there yet, and says of each of p_ids, in order, when it was made
        -- and whether the log knows of it.
        create function fanfare.queue_runs_v1(
            p_ids text[], p_chats text[], p_tenants text[], p_workspaces text[], p_events text[], p_types text[],
            p_agents text[], p_roles text[], p_triggers text[], p_inputs text[]
        ) returns table (o_created timestamptz, o_announced boolean) language plpgsql volatile as $$
        begin
            with made as (
                insert into fanfare.agent_runs (id, chat_id, tenant_id, workspace_id, event_id, event_type, agent_id,
                    role, trigger_id, inputs)
                select t.* from unnest(p_ids, p_chats, p_tenants, p_workspaces, p_events, p_types, p_agents, p_roles,
                    p_triggers, p_inputs) t
                on conflict (id) do nothing
                returning chat_id, tenant_id, workspace_id, agent_id
            )
            insert into fanfare.agent_chats (id, tenant_id, workspace_id, agent_id) select * from made
            on conflict (id) do nothing;
            return query select r.created_at, r.announced_at is not null
                from unnest(p_ids) with ordinality as p(id, ord) join fanfare.agent_runs r on r.id = p.id order by p.ord;
        end $$;

        -- What the audit says of a request to a door beside what it says of attempts. `left_out`: refusals of the same
        -- source and minute that have no row of their own.
        alter table fanfare.webhook_audit
            add column channel text collate "C", add column dedupe_key text, add column age_s int,
            add column left_out int;
        create index webhook_audit_integration on fanfare.webhook_audit (tenant_id, integration_id, seq)
            where integration_id is not null;

        -- Rows of requests to doors; times in microseconds.
        create function fanfare.insert_inbound_audit_v1(
            a_tenant text[], a_channel text[], a_integration text[], a_event text[], a_type text[],
            a_started timestamptz[], a_total int[], a_status int[], a_headers_sha bytea[], a_payload_sha bytea[],
            a_verdict text[], a_reason text[], a_source text[], a_dedupe text[], a_age int[], a_left_out int[]
        ) returns void language plpgsql volatile as $$
        begin
            insert into fanfare.webhook_audit (direction, attempt, tenant_id, channel, integration_id, event_id,
                event_type, started_at, total_ms, status, headers_sha256, payload_sha256, verdict, reason, source_ip,
                dedupe_key, age_s, left_out)
            select 'inbound', 1, t.c1, t.c2, t.c3, t.c4, t.c5, t.c6, t.c7 / 1000::float8, t.c8, t.c9, t.c10, t.c11,
                t.c12, t.c13, t.c14, t.c15, t.c16
            from unnest(a_tenant, a_channel, a_integration, a_event, a_type, a_started, a_total, a_status, a_headers_sha,
                    a_payload_sha, a_verdict, a_reason, a_source, a_dedupe, a_age, a_left_out)
                as t(c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, c12, c13, c14, c15, c16);
        end $$;

        -- As `audit_page_v1`, and by integration.
        create function fanfare.audit_page_v2(
            p_tenant text, p_direction text, p_webhook text, p_integration text, p_event text, p_delivery text,
            p_type text, p_verdict text, p_since timestamptz, p_until timestamptz, p_before bigint, p_limit int, p_scan int,
            p_latest boolean
        ) returns table (
            o_seq bigint, o_edge bigint, o_more boolean, o_row fanfare.webhook_audit
        ) language plpgsql stable set enable_bitmapscan = off set enable_seqscan = off set jit = off as $$
        declare
            v_sources text;
            v_scan int := greatest(p_limit + 1, p_scan);
            v_page bigint[];
            v_cut boolean;
            v_edge bigint;
            v_last timestamptz;
            v_columns text := 'a.seq, a.delivery_id, a.direction, a.webhook_id, a.integration_id, a.event_id,
                a.event_type, a.verdict, a.started_at';
        begin
            if p_delivery is not null then
                v_sources := 'select 1 as source, s.* from (select %s from fanfare.webhook_audit a
                    where a.delivery_id = $3 and a.tenant_id = $1 and a.seq < $4 order by a.seq desc limit $5) s';
            elsif p_event is not null then
                -- what its doors wrote, and its deliveries by the bits that their ids share with the event's
                v_sources := 'select ''door'' as source, s.* from (select %1$s from fanfare.webhook_audit a
                        where a.event_id = $6 and a.delivery_id is null and a.tenant_id = $1 and a.seq < $4
                        order by a.seq desc limit $5) s
                    union all
                    select ''lanes'', s.* from (select * from (select %1$s from fanfare.webhook_audit a
                        where a.delivery_id >= ''dlv_'' || substr($6, 5, 13)
                            and a.delivery_id < ''dlv_'' || substr($6, 5, 13) || ''~'' and a.event_id = $6
                            and a.tenant_id = $1 and a.seq < $4 offset 0) a order by a.seq desc limit $5) s';
            elsif p_webhook is not null then
                v_sources := 'select 1 as source, s.* from (select %s from fanfare.webhook_audit a
                    where a.webhook_id = $2 and a.tenant_id = $1 and a.seq < $4 order by a.seq desc limit $5) s';
            elsif p_integration is not null then
                v_sources := 'select 1 as source, s.* from (select %s from fanfare.webhook_audit a
                    where a.integration_id = $14 and a.tenant_id = $1 and a.seq < $4 order by a.seq desc limit $5) s';
            else
                -- every webhook that the tenant ever had, and the doors; each from its own end of the index
                select greatest(p_limit + 1, p_scan / (count(distinct webhook_id)::int + 1)) into v_scan
                from fanfare.webhook_revisions where tenant_id = p_tenant;
                v_sources := 'select w.id::text as source, s.* from (select distinct webhook_id as id
                        from fanfare.webhook_revisions where tenant_id = $1) w
                    cross join lateral (select %1$s from fanfare.webhook_audit a
                        where a.webhook_id = w.id and a.tenant_id = $1 and a.seq < $4 order by a.seq desc limit $5) s
                    union all
                    select ''doors'', s.* from (select %1$s from fanfare.webhook_audit a
                        where a.webhook_id is null and a.tenant_id = $1 and a.seq < $4 order by a.seq desc limit $5) s';
            end if;
            execute format($q$
                with scan as materialized (%1$s),
                -- what a source that was cut off would still have lies below its last row
                frontier as (
                    select coalesce(max(lowest), 0) as seq from (
                        select min(seq) as lowest from scan group by source having count(*) >= $5) cut
                ), hit as (
                    select s.seq from scan s, frontier f
                    where s.seq >= f.seq
                        and ($7::text is null or s.event_type = $7)
                        and ($8::text is null or s.verdict = $8)
                        and ($9::timestamptz is null or s.started_at >= $9)
                        and ($10::timestamptz is null or s.started_at < $10)
                        and ($6::text is null or s.event_id = $6)
                        and ($2::text is null or s.webhook_id = $2)
                        and ($14::text is null or s.integration_id = $14)
                        and ($11::text is null or s.direction = $11)
                        and (not $12 or s.delivery_id is not null and not exists (
                            select 1 from fanfare.webhook_audit later
                            where later.delivery_id = s.delivery_id and later.seq > s.seq))
                    order by s.seq desc limit $13 + 1
                )
                select (select array_agg(seq order by seq desc) from (select seq from hit order by seq desc limit $13) p),
                    (select count(*) > $13 from hit), (select seq from frontier),
                    (select s.started_at from scan s, frontier f where s.seq = f.seq limit 1)
                $q$, format(v_sources, v_columns))
            into v_page, v_cut, v_edge, v_last
            using p_tenant, p_webhook, p_delivery, coalesce(p_before, 9223372036854775807), v_scan, p_event, p_type,
                p_verdict, p_since, p_until, p_direction, p_latest, p_limit, p_integration;
            if v_cut then v_edge := v_page[p_limit]; end if;
            -- rows come nearly in order of time: a day behind `since` there is nothing to find
            return query select null::bigint, v_edge,
                coalesce(v_cut, false) or (v_edge > 0 and (p_since is null or v_last > p_since - interval '1 day')),
                null::fanfare.webhook_audit;
            if v_page is not null then
                return query execute 'select a.seq, null::bigint, null::boolean, a from fanfare.webhook_audit a
                    where a.seq = any ($1) and a.seq between $2 and $3 order by a.seq desc'
                using v_page, v_page[cardinality(v_page)], v_page[1];
            end if;
        end $$;

        -- Rows of the small tables that are past their time, some at a time.
        create or replace function fanfare.purge_v1(p_window interval, p_dead interval, p_limit int) returns bigint
        language plpgsql volatile as $$
        declare
            v_most bigint := 0;
            v_gone bigint;
        begin
            delete from fanfare.event_aliases where alias_id in (
                select alias_id from fanfare.event_aliases where stored_at < now() - p_window limit p_limit);
            get diagnostics v_gone = row_count;
            v_most := greatest(v_most, v_gone);
            delete from fanfare.dead_letters where id in (
                select id from fanfare.dead_letters where dead_at < now() - p_dead order by dead_at limit p_limit);
            get diagnostics v_gone = row_count;
            v_most := greatest(v_most, v_gone);
            -- a run and its chat are kept as long as what may still tell of them
            delete from fanfare.agent_runs where id in (
                select id from fanfare.agent_runs where created_at < now() - p_dead order by created_at limit p_limit);
            get diagnostics v_gone = row_count;
            v_most := greatest(v_most, v_gone);
            delete from fanfare.agent_chats where id in (
                select id from fanfare.agent_chats where created_at < now() - p_dead order by created_at limit p_limit);
            get diagnostics v_gone = row_count;
            v_most := greatest(v_most, v_gone);
            delete from fanfare.integration_ends where ended_at < now() - p_dead;
            delete from fanfare.members where until < now() - interval '1 hour';
            return v_most;
        end $$;

        -- The two halves of what a generic door wrote: `payload` is the sender's own and stays as it is, so it is cut off
        -- before the rest is read; both null for what looks alike and is not.  Only as a key of `data` can `},"payload":` stand where quotes are not escaped.
        create function fanfare.inbox_parts_v1(p_envelope bytea, out o_data json, out o_payload json)
        language plpgsql immutable as $$
        declare
            v_text text;
            v_cut int;
            v_data json;
        begin
            v_text := convert_from(p_envelope, 'UTF8');
            v_cut := strpos(v_text, '},"payload":');
            if v_cut = 0 or not v_text like '%}}' then return; end if;
            v_data := (replace(left(v_text, v_cut), '\\u0000', '\\ufffd') || '}}')::json -> 'data';
            if v_data ->> 'source_kind' is null or v_data ->> 'workspace_id' is null then return; end if;
            -- the cast looks at no escapes, so a text that PostgreSQL cannot unescape is still shown as it came
            o_payload := substr(v_text, v_cut + 12, length(v_text) - v_cut - 13)::json;
            o_data := v_data;
        exception when others then
            o_data := null;
            o_payload := null;
        end $$;

        -- Seed 3's tables, as views: the inbox is the feed's rows that its door made, the outbox what they started.
        create schema infonchat;
        create view infonchat.event_inbox as
            select e.event_id as id, p.o_data ->> 'workspace_id' as workspace_id,
                p.o_data ->> 'source_kind' as source_kind, p.o_data ->> 'source_identifier' as source_identifier,
                p.o_data ->> 'event_type' as event_type, p.o_data ->> 'dedupe_key' as dedupe_key,
                p.o_data -> 'headers' as headers, p.o_payload as payload, e.recorded_at as received_at
            from fanfare.events e cross join lateral fanfare.inbox_parts_v1(e.envelope) p
            where e.type >= 'webhook.' and e.type < 'webhook/' and p.o_data is not null;
        create view infonchat.event_outbox as
            select r.id, r.event_id, 'agent.runs'::text as topic, r.role, r.agent_id, r.created_at
            from fanfare.agent_runs r;
        """
}
