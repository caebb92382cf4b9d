-- All that text search is configured with, as one value: its functions read it. Versions as well,
-- as a file of words is read again when its dictionary is altered, in whatever way.
SELECT to_jsonb(concat_ws('/',
    (SELECT sum(hashtextextended(concat_ws(' ', c.oid, c.cfgparser, c.xmin::text), 0)) FROM pg_ts_config AS c),
    (SELECT sum(hashtextextended(concat_ws(' ', m.mapcfg, m.maptokentype, m.mapseqno, m.mapdict, m.xmin::text), 0))
       FROM pg_ts_config_map AS m),
    (SELECT sum(hashtextextended(concat_ws(' ', d.oid, d.dicttemplate, d.dictinitoption, d.xmin::text), 0))
       FROM pg_ts_dict AS d)))
