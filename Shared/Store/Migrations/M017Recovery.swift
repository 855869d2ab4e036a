/// What a database that was restored or failed over does before it serves, and how secrets change over to another key.
///
/// Processes live longer than a server: their memory may be ahead of a database that lost its last seconds. So everything
/// that counts up leaps by far more than can have been lost, and everything that is held has to be taken again.
enum M017Recovery {
    static let sql = """
        -- The server process that wrote last. Not there yet: the next change of the head fills it in.
        alter table fanfare.feed_head add column server_started timestamptz;

        -- The timeline that is written now. (The control file tells of it only from the first checkpoint on.)
        create function fanfare.server_timeline_v1() returns int language sql volatile as $$
            select ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::int
        $$;

        -- No position and no version is given out by a server that is another than the head says, before
        -- adopt_cluster_v1 has moved them on. A restart of the same one passes. Costs a comparison a call: the trigger's
        -- condition is false but for the first change after a start.
        create function fanfare.head_written() returns trigger language plpgsql as $$
        begin
            if new.system_identifier <> (select system_identifier::text from pg_control_system())
                or new.timeline <> fanfare.server_timeline_v1() then
                raise exception 'this database was restored or failed over, and its positions have not been moved on yet'
                    using errcode = '57P03', hint = 'a matcher does it within seconds, fanfare migrate at once';
            end if;
            new.server_started := pg_postmaster_start_time();
            return new;
        end $$;
        create trigger head_written before update on fanfare.feed_head for each row
            when (old.server_started is distinct from pg_postmaster_start_time())
            execute function fanfare.head_written();

        -- A partition that begins where a leap ends, with a hole before it; extend_partitions goes on from there.
        create function fanfare.leap_partition_v1(p_table text, p_from bigint) returns void language plpgsql volatile as $$
        declare
            v_name text := format('%s_%s', p_table, p_from);
            v_to bigint;
        begin
            select p_from + width into v_to from fanfare.partitioned where name = p_table;
            execute format('create table fanfare.%I (like fanfare.%I including all excluding indexes excluding identity)',
                v_name, p_table);
            execute format('alter table fanfare.%I attach partition fanfare.%I for values from (%s) to (%s)',
                p_table, v_name, p_from, v_to);
            insert into fanfare.partitions (parent, name, from_value, to_value) values (p_table, v_name, p_from, v_to);
        end $$;

        -- A database that was restored elsewhere starts a new epoch (cursors of the old one get 410); one that goes on
        -- from a replica or a base backup leaves a gap, so that no position is given out twice. Epochs of partitions leap
        -- too: whoever holds one is refused, takes it again and reads where the database stands, not where it stood.
        create or replace function fanfare.adopt_cluster_v1() returns int language plpgsql volatile as $$
        declare
            v_head fanfare.feed_head;
            v_system text;
            v_timeline int := fanfare.server_timeline_v1();
            -- More than any installation writes between two backups, and no end of bigint.
            v_leap constant bigint := 1::bigint << 40;
        begin
            select system_identifier::text into v_system from pg_control_system();
            select * into v_head from fanfare.feed_head where shard = 0;
            if v_head.system_identifier = v_system and v_head.timeline = v_timeline then return v_head.epoch; end if;

            -- In the order of all other calls. Whoever holds a lease by the backup's word, or its own, loses it and takes
            -- it as a new one.
            update fanfare.leases set member = null, until = 'epoch';
            perform 1 from fanfare.progress order by topic, part for update;
            perform 1 from fanfare.lane_head where shard = 0 for update;
            select * into v_head from fanfare.feed_head where shard = 0 for update;
            if v_head.system_identifier = v_system and v_head.timeline = v_timeline then return v_head.epoch; end if;
            update fanfare.feed_head set system_identifier = v_system, timeline = v_timeline,
                epoch = epoch + (v_head.system_identifier <> v_system)::int,
                next_pos = next_pos + v_leap, config_version = config_version + v_leap where shard = 0;
            update fanfare.lane_head set next_seq = next_seq + v_leap where shard = 0;
            update fanfare.progress set epoch = epoch + v_leap, batch = 0;
            update fanfare.directory_version set version = version + v_leap where shard = 0;
            perform setval('fanfare.integration_versions', nextval('fanfare.integration_versions') + v_leap);
            perform setval('fanfare.webhook_audit_seq_seq', nextval('fanfare.webhook_audit_seq_seq') + v_leap);
            perform fanfare.leap_partition_v1(name, fanfare.next_value(name)) from fanfare.partitioned;
            perform fanfare.extend_partitions_v1(2);
            perform pg_notify('fanfare_config', ''), pg_notify('fanfare_directory', '');
            return (select epoch from fanfare.feed_head where shard = 0);
        end $$;

        -- Where sealed secrets may stand: every column of text of the tables that have any. `owner` is what a secret's
        -- context names.
        create function fanfare.sealed_columns_v1()
        returns table (table_name text, key_name text, owner_name text, column_name text, kind text)
        language sql stable as $$
            select t.name, t.key, t.owner, c.column_name::text,
                case c.udt_name when '_text' then 'array' when 'jsonb' then 'jsonb' else 'text' end
            from (values ('webhooks', 'id', 'id'), ('webhook_revisions', 'version', 'webhook_id'),
                ('workspaces', 'id', 'id'), ('integrations', 'id', 'id')) as t(name, key, owner)
            join information_schema.columns c on c.table_schema = 'fanfare' and c.table_name = t.name
            where c.udt_name in ('text', '_text', 'jsonb') order by 1, 4
        $$;

        -- A page of the values of such a column that hold a sealed secret, by key.
        create function fanfare.sealed_values_v1(
            p_table text, p_key text, p_owner text, p_column text, p_kind text, p_after text, p_limit int
        ) returns table (o_key text, o_owner text, o_values text[]) language plpgsql stable as $$
        begin
            return query execute format(
                'select %1$I::text, %2$I::text, %3$s from fanfare.%4$I
                where %5$I::text ~ ''v1:[A-Za-z0-9_.-]{1,32}:[A-Za-z0-9+/]{38}''
                    and ($1 is null or %1$I > ($1::%6$s)) order by %1$I limit $2',
                p_key, p_owner,
                case p_kind when 'array' then format('%I', p_column) else format('array[%I::text]', p_column) end,
                p_table, p_column, case p_key when 'version' then 'bigint' else 'text' end)
            using p_after, p_limit;
        end $$;

        -- Puts another value in place of one that is still there.
        create function fanfare.replace_sealed_v1(
            p_table text, p_key text, p_column text, p_kind text, p_id text, p_old text[], p_new text[]
        ) returns boolean language plpgsql volatile as $$
        declare v_count int;
        begin
            execute format('update fanfare.%1$I set %2$I = %3$s where %4$I::text = $1 and %5$s = $2', p_table, p_column,
                case p_kind when 'array' then '$3' when 'jsonb' then '$3[1]::jsonb' else '$3[1]' end, p_key,
                case p_kind when 'array' then format('%I', p_column) else format('array[%I::text]', p_column) end)
            using p_id, p_old, p_new;
            get diagnostics v_count = row_count;
            return v_count > 0;
        end $$;
        """
}
