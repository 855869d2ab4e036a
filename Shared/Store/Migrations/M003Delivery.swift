/// Delivery on Postgres: lanes, waiting attempts, leases; and on both backbones the audit and the dead letters.
enum M003Delivery {
    static let sql = """
        -- Gives out `seq` of the lanes under its lock until commit, for the same reason as the feed's head.
        create table fanfare.lane_head (
            shard int primary key default 0 check (shard = 0),
            next_seq bigint not null default 1,
            oldest_seq bigint not null default 1
        ) with (fillfactor = 10);
        insert into fanfare.lane_head default values;

        -- Insert-only; a partition is dropped when every part has settled it. The envelope stays on the feed.
        create table fanfare.lanes (
            seq bigint not null,
            pos bigint not null,
            version bigint not null,
            part int not null,
            -- when the delivery was asked for: its age counts from here, not from the event's
            made_at timestamptz not null,
            endpoint_id text collate "C" not null,
            cause text collate "C" not null,
            primary key (seq)
        ) partition by range (seq);

        -- Attempts that wait for their time: retries, and lane records that were moved out of the window.
        -- At most one a delivery; claimed by whoever owns the part.
        create table fanfare.due (
            part int not null,
            delivery_id text collate "C" not null,
            due_at timestamptz not null,
            first_at timestamptz not null,
            pos bigint not null,
            version bigint not null,
            attempt int not null,
            endpoint_id text collate "C" not null,
            cause text collate "C" not null,
            primary key (part, delivery_id)
        ) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000);
        create index due_time on fanfare.due (due_at);

        create table fanfare.members (
            topic text collate "C" not null,
            member text collate "C" not null,
            until timestamptz not null,
            primary key (topic, member)
        );
        create table fanfare.leases (
            topic text collate "C" not null,
            part int not null,
            member text collate "C",
            until timestamptz not null default 'epoch',
            primary key (topic, part)
        );

        -- One row an attempt (outbound) or a request to a door (inbound).
        create table fanfare.webhook_audit (
            seq bigint generated always as identity,
            direction text collate "C" not null,
            tenant_id text collate "C" not null,
            webhook_id text collate "C",
            integration_id text collate "C",
            event_id text collate "C",
            delivery_id text collate "C",
            event_type text collate "C",
            cause text collate "C",
            attempt int not null,
            started_at timestamptz not null,
            dns_ms real, connect_ms real, tls_ms real, first_byte_ms real, total_ms real,
            status int,
            error_class text collate "C",
            headers_sha256 bytea,
            payload_sha256 bytea,
            response_headers text,
            response_head bytea,
            verdict text collate "C" not null,
            reason text,
            source_ip text,
            next_attempt_at timestamptz,
            primary key (seq)
        ) partition by range (seq);
        -- finds an event's deliveries too: their ids begin with the event's first 64 bits
        create index webhook_audit_delivery on fanfare.webhook_audit (delivery_id);
        create index webhook_audit_event on fanfare.webhook_audit (event_id) where delivery_id is null;
        create index webhook_audit_webhook on fanfare.webhook_audit (tenant_id, webhook_id, seq);

        create table fanfare.dead_letters (
            id text collate "C" primary key,
            tenant_id text collate "C" not null,
            webhook_id text collate "C" not null,
            event_id text collate "C" not null,
            delivery_id text collate "C" not null,
            event_type text collate "C" not null,
            pos bigint,
            attempts int not null,
            error_class text collate "C",
            status int,
            reason text not null,
            payload bytea compression lz4 not null,
            dead_at timestamptz not null default now(),
            unique (delivery_id)
        );
        create index dead_letters_tenant on fanfare.dead_letters (tenant_id, id);
        create index dead_letters_dead on fanfare.dead_letters (dead_at);

        -- Joins the members of a topic, renews what the member holds, gives back p_release (or everything: p_leave) and
        -- takes what is free, up to a fair share. Taking raises the epoch. give_up marks what is beyond the share.
        -- Whoever makes room or asks for it tells the others on `<topic>.leases`.
        create function fanfare.lease_v1(
            p_topic text, p_member text, p_ttl interval, p_parts int, p_release int[], p_leave boolean
        ) returns table (part int, epoch bigint, stored bigint, fanned bigint, settled bigint, is_new boolean,
            give_up boolean)
        language plpgsql volatile as $$
        declare
            v_now timestamptz;
            v_share int;
            v_mine int;
            v_taken int[];
            v_news boolean;
        begin
            perform pg_advisory_xact_lock(hashtext('fanfare.lease'), hashtext(p_topic));
            v_now := clock_timestamp();
            insert into fanfare.leases (topic, part) select p_topic, g from generate_series(0, p_parts - 1) g
            on conflict do nothing;
            insert into fanfare.progress (topic, part) select p_topic, g from generate_series(0, p_parts - 1) g
            on conflict do nothing;
            update fanfare.leases l set member = null, until = 'epoch'
            where l.topic = p_topic and l.member = p_member and (p_leave or l.part = any (p_release));
            v_news := found or p_leave
                or not exists (select 1 from fanfare.members m where m.topic = p_topic and m.member = p_member);
            if v_news then perform pg_notify(p_topic || '.leases', p_member); end if;
            if p_leave then
                delete from fanfare.members m where m.topic = p_topic and m.member = p_member;
                return;
            end if;
            insert into fanfare.members as m (topic, member, until) values (p_topic, p_member, v_now + p_ttl)
            on conflict (topic, member) do update set until = excluded.until;
            delete from fanfare.members m where m.topic = p_topic and m.until < v_now;
            select ceil(p_parts::numeric / count(*))::int into v_share from fanfare.members m where m.topic = p_topic;

            update fanfare.leases l set until = v_now + p_ttl where l.topic = p_topic and l.member = p_member;
            get diagnostics v_mine = row_count;
            if v_mine < v_share then
                with free as (
                    select l.part from fanfare.leases l
                    where l.topic = p_topic and (l.member is null or l.until < v_now)
                    order by l.part limit v_share - v_mine
                ), taken as (
                    update fanfare.leases l set member = p_member, until = v_now + p_ttl
                    from free where l.topic = p_topic and l.part = free.part returning l.part
                )
                select array_agg(taken.part) into v_taken from taken;
            end if;
            if v_taken is not null then
                perform fanfare.take_partitions_v1(p_topic, v_taken);
            end if;
            return query
                select l.part, p.epoch, p.stored, p.fanned, p.settled, coalesce(l.part = any (v_taken), false),
                    row_number() over (order by l.part) > v_share
                from fanfare.leases l join fanfare.progress p on p.topic = l.topic and p.part = l.part
                where l.topic = p_topic and l.member = p_member order by l.part;
        end $$;

        -- Appends the deliveries of a prefix of the feed and moves `fanned` behind it, exactly once: a delivery whose
        -- part is already fanned out beyond its row is left out, so a call whose answer was lost can be repeated.
        -- p_positions rise. Answers the parts whose epoch is not ours (then nothing was written), or null.
        create function fanfare.fan_out_v1(
            p_topic text, p_owned int[], p_epochs bigint[], p_fanned bigint, p_version bigint,
            p_source_parts int[], p_positions bigint[], p_lane_parts int[], p_endpoints text[], p_causes text[]
        ) returns int[] language plpgsql volatile as $$
        declare
            v_refused int[];
            v_first bigint;
            v_count bigint;
        begin
            perform 1 from fanfare.progress where topic = p_topic and part = any (p_owned)
            order by topic, part for update;
            select array_agg(o.part) into v_refused
            from unnest(p_owned, p_epochs) as o(part, epoch)
            left join fanfare.progress p on p.topic = p_topic and p.part = o.part
            where p.epoch is distinct from o.epoch;
            if v_refused is not null then return v_refused; end if;

            if cardinality(p_positions) > 0 then
                select next_seq into v_first from fanfare.lane_head where shard = 0 for update;
                if exists (select 1 from fanfare.progress p
                    where p.topic = p_topic and p.part = any (p_owned) and p.fanned >= p_positions[1]) then
                    insert into fanfare.lanes (seq, pos, version, part, made_at, endpoint_id, cause)
                    select v_first - 1 + row_number() over (order by d.ord), d.pos, p_version, d.lane, now(),
                        d.endpoint, d.cause
                    from unnest(p_source_parts, p_positions, p_lane_parts, p_endpoints, p_causes)
                        with ordinality as d(source, pos, lane, endpoint, cause, ord)
                    join fanfare.progress p on p.topic = p_topic and p.part = d.source
                    where d.pos > p.fanned;
                else
                    -- nothing of it was fanned out before: the usual case
                    insert into fanfare.lanes (seq, pos, version, part, made_at, endpoint_id, cause)
                    select v_first - 1 + d.ord, d.pos, p_version, d.lane, now(), d.endpoint, d.cause
                    from unnest(p_positions, p_lane_parts, p_endpoints, p_causes)
                        with ordinality as d(pos, lane, endpoint, cause, ord);
                end if;
                get diagnostics v_count = row_count;
                update fanfare.lane_head set next_seq = next_seq + v_count where shard = 0;
            end if;
            update fanfare.progress set fanned = p_fanned
            where topic = p_topic and part = any (p_owned) and fanned < p_fanned;
            return null;
        end $$;

        -- Single lane records outside the fan-out: redeliver, resend.
        create function fanfare.append_lanes_v1(
            p_positions bigint[], p_versions bigint[], p_lane_parts int[], p_endpoints text[], p_causes text[]
        ) returns bigint language plpgsql volatile as $$
        declare v_first bigint;
        begin
            select next_seq into v_first from fanfare.lane_head where shard = 0 for update;
            insert into fanfare.lanes (seq, pos, version, part, made_at, endpoint_id, cause)
            select v_first - 1 + d.ord, d.pos, d.version, d.lane, now(), d.endpoint, d.cause
            from unnest(p_positions, p_versions, p_lane_parts, p_endpoints, p_causes)
                with ordinality as d(pos, version, lane, endpoint, cause, ord);
            update fanfare.lane_head set next_seq = next_seq + cardinality(p_positions) where shard = 0;
            return v_first;
        end $$;

        -- Appends audit rows; phases are in microseconds. p_skip: ordinals to leave out, or null.
        create function fanfare.insert_audit_v1(
            p_direction text, a_tenant text[], a_webhook text[], a_integration text[], a_event text[],
            a_delivery text[], a_type text[], a_cause text[], a_attempt int[], a_started timestamptz[], a_dns int[],
            a_connect int[], a_tls int[], a_first_byte int[], a_total int[], a_status int[], a_error text[],
            a_headers_sha bytea[], a_payload_sha bytea[], a_response_headers text[], a_response_head bytea[],
            a_verdict text[], a_reason text[], a_source text[], a_next timestamptz[], p_skip int[]
        ) returns void language plpgsql volatile as $$
        begin
            insert into fanfare.webhook_audit (direction, tenant_id, webhook_id, integration_id, event_id,
                delivery_id, event_type, cause, attempt, started_at, dns_ms, connect_ms, tls_ms, first_byte_ms,
                total_ms, status, error_class, headers_sha256, payload_sha256, response_headers, response_head,
                verdict, reason, source_ip, next_attempt_at)
            select p_direction, t.c1, t.c2, t.c3, t.c4, t.c5, t.c6, t.c7, t.c8, t.c9,
                t.c10 / 1000::float8, t.c11 / 1000::float8, t.c12 / 1000::float8, t.c13 / 1000::float8,
                t.c14 / 1000::float8, t.c15, t.c16, t.c17, t.c18, t.c19, t.c20, t.c21, t.c22, t.c23, t.c24
            from unnest(a_tenant, a_webhook, a_integration, a_event, a_delivery, a_type, a_cause, a_attempt,
                    a_started, a_dns, a_connect, a_tls, a_first_byte, a_total, a_status, a_error, a_headers_sha,
                    a_payload_sha, a_response_headers, a_response_head, a_verdict, a_reason, a_source, a_next)
                with ordinality as t(c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, c12, c13, c14, c15, c16, c17, c18,
                    c19, c20, c21, c22, c23, c24, ord)
            where p_skip is null or not t.ord = any (p_skip);
        end $$;

        -- One call a batch of outcomes on Postgres: audit rows, waiting attempts, dead letters and positions.
        -- p_batch counts up in the calling process; a number that a part already has was recorded before, and the
        -- call answers as if it had just been done. o_refused: parts whose epoch is not ours; then nothing is written.
        create function fanfare.settle_v1(
            p_topic text, p_owned int[], p_epochs bigint[], p_settled bigint[], p_batch bigint,
            d_done_parts int[], d_done_ids text[],
            d_parts int[], d_ids text[], d_due timestamptz[], d_first timestamptz[], d_pos bigint[],
            d_version bigint[], d_attempt int[], d_endpoint text[], d_cause text[],
            x_id text[], x_tenant text[], x_webhook text[], x_event text[], x_delivery text[], x_type text[],
            x_pos bigint[], x_attempts int[], x_error text[], x_status int[], x_reason text[],
            a_tenant text[], a_webhook text[], a_event text[],
            a_delivery text[], a_type text[], a_cause text[], a_attempt int[], a_started timestamptz[], a_dns int[],
            a_connect int[], a_tls int[], a_first_byte int[], a_total int[], a_status int[], a_error text[],
            a_headers_sha bytea[], a_payload_sha bytea[], a_response_headers text[], a_response_head bytea[],
            a_verdict text[], a_reason text[], a_source text[], a_next timestamptz[]
        ) returns int[] language plpgsql volatile as $$
        declare v_refused int[];
        begin
            perform 1 from fanfare.progress where topic = p_topic and part = any (p_owned)
            order by topic, part for update;
            select array_agg(o.part) into v_refused
            from unnest(p_owned, p_epochs) as o(part, epoch)
            left join fanfare.progress p on p.topic = p_topic and p.part = o.part
            where p.epoch is distinct from o.epoch;
            if v_refused is not null then return v_refused; end if;
            if exists (select 1 from fanfare.progress p where p.topic = p_topic and p.part = p_owned[1]
                and p.batch >= p_batch) then
                return null;
            end if;

            if cardinality(d_done_ids) > 0 then
                delete from fanfare.due d using unnest(d_done_parts, d_done_ids) as x(part, id)
                where d.part = x.part and d.delivery_id = x.id;
            end if;
            if cardinality(d_ids) > 0 then
                insert into fanfare.due (part, delivery_id, due_at, first_at, pos, version, attempt, endpoint_id, cause)
                select * from unnest(d_parts, d_ids, d_due, d_first, d_pos, d_version, d_attempt, d_endpoint, d_cause)
                on conflict (part, delivery_id) do update
                set due_at = excluded.due_at, attempt = excluded.attempt, version = excluded.version;
            end if;
            if cardinality(x_id) > 0 then
                insert into fanfare.dead_letters (id, tenant_id, webhook_id, event_id, delivery_id, event_type, pos,
                    attempts, error_class, status, reason, payload)
                select x.id, x.tenant, x.webhook, x.event, x.delivery, x.type, x.pos, x.attempts, x.error, x.status,
                    x.reason, e.envelope
                from unnest(x_id, x_tenant, x_webhook, x_event, x_delivery, x_type, x_pos, x_attempts, x_error,
                    x_status, x_reason) as x(id, tenant, webhook, event, delivery, type, pos, attempts, error,
                    status, reason)
                join fanfare.events e on e.pos = x.pos
                on conflict (delivery_id) do nothing;
            end if;
            if cardinality(a_tenant) > 0 then
                perform fanfare.insert_audit_v1('outbound', a_tenant, a_webhook,
                    array_fill(null::text, array[cardinality(a_tenant)]), a_event, a_delivery, a_type, a_cause,
                    a_attempt, a_started, a_dns, a_connect, a_tls, a_first_byte, a_total, a_status, a_error,
                    a_headers_sha, a_payload_sha, a_response_headers, a_response_head, a_verdict, a_reason, a_source,
                    a_next, null);
            end if;
            update fanfare.progress p set settled = greatest(p.settled, o.settled), batch = p_batch
            from unnest(p_owned, p_settled) as o(part, settled)
            where p.topic = p_topic and p.part = o.part;
            return null;
        end $$;

        -- Kafka: projects a batch of audit records. Exactly once by (partition, offset). Dead letters carry their bytes.
        create function fanfare.project_audit_v1(
            p_topic text, p_owned int[], p_epochs bigint[], p_next bigint[], p_parts int[], p_offsets bigint[],
            a_tenant text[], a_webhook text[], a_event text[],
            a_delivery text[], a_type text[], a_cause text[], a_attempt int[], a_started timestamptz[], a_dns int[],
            a_connect int[], a_tls int[], a_first_byte int[], a_total int[], a_status int[], a_error text[],
            a_headers_sha bytea[], a_payload_sha bytea[], a_response_headers text[], a_response_head bytea[],
            a_verdict text[], a_reason text[], a_source text[], a_next timestamptz[],
            x_ord int[], x_id text[], x_tenant text[], x_webhook text[], x_event text[], x_delivery text[],
            x_type text[], x_pos bigint[], x_attempts int[], x_error text[], x_status int[], x_reason text[],
            x_payload bytea[]
        ) returns int[] language plpgsql volatile as $$
        declare
            v_refused int[];
            v_skip int[];
        begin
            perform 1 from fanfare.progress where topic = p_topic and part = any (p_owned)
            order by topic, part for update;
            select array_agg(o.part) into v_refused
            from unnest(p_owned, p_epochs) as o(part, epoch)
            left join fanfare.progress p on p.topic = p_topic and p.part = o.part
            where p.epoch is distinct from o.epoch;
            if v_refused is not null then return v_refused; end if;
            select array_agg(r.ord::int) into v_skip
            from unnest(p_parts, p_offsets) with ordinality as r(part, log_offset, ord)
            join fanfare.progress p on p.topic = p_topic and p.part = r.part
            where r.log_offset < p.stored;
            perform fanfare.insert_audit_v1('outbound', a_tenant, a_webhook,
                array_fill(null::text, array[cardinality(a_tenant)]), a_event, a_delivery, a_type, a_cause, a_attempt,
                a_started, a_dns, a_connect, a_tls, a_first_byte, a_total, a_status, a_error, a_headers_sha,
                a_payload_sha, a_response_headers, a_response_head, a_verdict, a_reason, a_source, a_next, v_skip);
            if cardinality(x_id) > 0 then
                insert into fanfare.dead_letters (id, tenant_id, webhook_id, event_id, delivery_id, event_type, pos,
                    attempts, error_class, status, reason, payload)
                select x.id, x.tenant, x.webhook, x.event, x.delivery, x.type, x.pos, x.attempts, x.error, x.status,
                    x.reason, x.payload
                from unnest(x_ord, x_id, x_tenant, x_webhook, x_event, x_delivery, x_type, x_pos, x_attempts, x_error,
                    x_status, x_reason, x_payload) as x(ord, id, tenant, webhook, event, delivery, type, pos,
                    attempts, error, status, reason, payload)
                where v_skip is null or not x.ord = any (v_skip)
                on conflict (delivery_id) do nothing;
            end if;
            update fanfare.progress p set stored = greatest(p.stored, o.next)
            from unnest(p_owned, p_next) as o(part, next)
            where p.topic = p_topic and p.part = o.part;
            return null;
        end $$;
        """
}
