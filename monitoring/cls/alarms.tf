# Rendered from analyses/ by `npm run docs`. How to use it: docs/cls-alarms.md.
#
# Analyses with a severity that are no alarm:
#   unused-rule: it looks back 30d, an alarm no more than 24 h.
#   new-peer: its query names the end of the time, which an alarm cannot.
#   rare-peer: it looks back 7d, an alarm no more than 24 h.
#   unusual-upload: it looks back 7d, an alarm no more than 24 h.

locals {
  defaults = {
    "completeness"           = { step = 300 }
    "fragments"              = { share = 0.01, packets = 100 }
    "one-sided"              = { connections = 5, packets = 10 }
    "refused"                = { refused = 50, share = 0.5, within = 300 }
    "unanswered"             = { attempts = 5 }
    "unreachable"            = { packets = 10 }
    "idle-listener"          = { clients = 3 }
    "beacon"                 = { beginnings = 12, strength = 0.9, spread = 0.2, periods = 6 }
    "exfiltration"           = { bytes = 100000000, ratio = 10 }
    "long-connection"        = { seconds = 3600 }
    "rejected-then-accepted" = { rejected = 5, accepted = 10 }
    "scan-hosts"             = { hosts = 25, within = 300 }
    "scan-ports"             = { ports = 15, within = 300 }
    "syn-flood"              = { halfOpen = 1000, share = 0.5 }
  }

  alarms = {
    "completeness" = {
      noisy     = false
      level     = 0
      period    = 15
      look_back = 90
      message   = <<-EOT
        Completeness. How much of the traffic is in the records, and what became of the rest?
        {{range .QueryResult[0]}}* interface-id {{index . "interface-id"}}, windows {{.windows}}, incomplete {{.incomplete}}, offered {{.offered}}, metered {{.metered}}
          Records: ledger-status:* AND interface-id:{{index . "interface-id"}}
        {{end}}All rows: {{.QueryUrl}}
        This alarm: {{.DetailUrl}}
      EOT
      query     = <<-EOT
        ledger-status:* | select * from (
          select "interface-id", start - start % ${local.parameters["completeness"].step} as since, count(*) as windows,
            sum(case when "ledger-status" = 'SKIPDATA' then 1 else 0 end) as incomplete,
            sum("ledger-offered-packets") as offered, sum("ledger-metered-packets") as metered
          group by "interface-id", start - start % ${local.parameters["completeness"].step}
          order by 2, 1
        )
        where incomplete >= 1
      EOT
    }
    "fragments" = {
      noisy     = false
      level     = 1
      period    = 15
      look_back = 90
      message   = <<-EOT
        Fragments. Between which hosts are packets fragmented?
        {{range .QueryResult[0]}}* srcaddr {{.srcaddr}}, dstaddr {{.dstaddr}}, protocol {{.protocol}}, fragments {{.fragments}}, packets {{.packets}}, share {{.share}}
          Records: srcaddr:{{.srcaddr}} AND dstaddr:{{.dstaddr}} AND protocol:{{.protocol}} AND srcport:0 AND dstport:0
        {{end}}All rows: {{.QueryUrl}}
        This alarm: {{.DetailUrl}}
      EOT
      query     = <<-EOT
        log-status:OK AND protocol:(6 OR 17) | select srcaddr, dstaddr, protocol, fragments, packets, cast(fragments as double) / packets as share
        from (
          select srcaddr, dstaddr, protocol, sum(packets) as packets,
            sum(case when srcport = 0 and dstport = 0 then packets else 0 end) as fragments
          group by srcaddr, dstaddr, protocol
        )
        where fragments >= ${local.parameters["fragments"].packets} and fragments > packets * ${local.parameters["fragments"].share}
        order by 4 desc, 1, 2
      EOT
    }
    "one-sided" = {
      noisy     = false
      level     = 0
      period    = 5
      look_back = 15
      message   = <<-EOT
        One-sided conversations. Between which hosts is only one direction of connections seen, as where paths are asymmetric?
        {{range .QueryResult[0]}}* srcaddr {{.srcaddr}}, dstaddr {{.dstaddr}}, connections {{.connections}}, packets {{.packets}}
          Records: srcaddr:{{.srcaddr}} AND dstaddr:{{.dstaddr}} AND protocol:6
        {{end}}All rows: {{.QueryUrl}}
        This alarm: {{.DetailUrl}}
      EOT
      query     = <<-EOT
        log-status:OK AND protocol:6 | select source_address as srcaddr, destination_address as dstaddr, count(*) as connections, sum(packets) as packets
        from (
          select max(srcaddr) as source_address, max(dstaddr) as destination_address, count(distinct source) as sides,
            max("tcp-flags" % 32) as flags, sum(packets) as packets
          from (
            select srcaddr, dstaddr, "tcp-flags", packets,
              concat(srcaddr, ' ', cast(srcport as varchar)) as source, concat(dstaddr, ' ', cast(dstport as varchar)) as destination
          )
          group by least(source, destination), greatest(source, destination)
        )
        where sides = 1 and flags >= 16 and packets >= ${local.parameters["one-sided"].packets}
        group by source_address, destination_address
        having count(*) >= ${local.parameters["one-sided"].connections}
        order by 3 desc, 1, 2
      EOT
    }
    "refused" = {
      noisy     = false
      level     = 0
      period    = 5
      look_back = 15
      message   = <<-EOT
        Refused connections. Which services refuse most connections?
        {{range .QueryResult[0]}}* server {{.server}}, port {{.port}}, refused {{.refused}}, answers {{.answers}}, clients {{.clients}}
          Records: srcaddr:{{.server}} AND srcport:{{.port}} AND protocol:6
        {{end}}All rows: {{.QueryUrl}}
        This alarm: {{.DetailUrl}}
      EOT
      query     = <<-EOT
        log-status:OK AND protocol:6 | select srcaddr as server, srcport as port, max(refused) as refused, max(answers) as answers, max(clients) as clients,
          min(since) as since, max(until) as until
        from (
          select srcaddr, srcport, min(start) as since, max("end") as until, count(*) as answers,
            sum(case when "tcp-flags" % 8 >= 4 and "tcp-flags" % 4 < 2 and packets <= 2 then 1 else 0 end) as refused,
            count(distinct dstaddr) as clients
          group by srcaddr, srcport, start - start % ${local.parameters["refused"].within}
        )
        where refused >= ${local.parameters["refused"].refused} and refused > answers * ${local.parameters["refused"].share}
        group by srcaddr, srcport
        order by 3 desc, 1, 2
      EOT
    }
    "unanswered" = {
      noisy     = false
      level     = 0
      period    = 5
      look_back = 15
      message   = <<-EOT
        Unanswered connections. Which services do not answer at all?
        {{range .QueryResult[0]}}* client {{.client}}, server {{.server}}, port {{.port}}, attempts {{.attempts}}
          Records: srcaddr:{{.client}} AND dstaddr:{{.server}} AND dstport:{{.port}} AND protocol:6
        {{end}}All rows: {{.QueryUrl}}
        This alarm: {{.DetailUrl}}
      EOT
      query     = <<-EOT
        log-status:OK AND protocol:6 | select client, server, port, count(*) as attempts, min(since) as since, max(until) as until
        from (
          select max(case when "tcp-flags" = 2 then srcaddr end) as client, max(case when "tcp-flags" = 2 then dstaddr end) as server,
            max(case when "tcp-flags" = 2 then dstport end) as port, count(distinct source) as sides,
            min(start) as since, max("end") as until
          from (
            select srcaddr, dstaddr, dstport, "tcp-flags", start, "end",
              concat(srcaddr, ' ', cast(srcport as varchar)) as source, concat(dstaddr, ' ', cast(dstport as varchar)) as destination
          )
          group by least(source, destination), greatest(source, destination)
        )
        where sides = 1 and client is not null
        group by client, server, port
        having count(*) >= ${local.parameters["unanswered"].attempts}
        order by 4 desc, 1, 2, 3
      EOT
    }
    "unreachable" = {
      noisy     = false
      level     = 0
      period    = 15
      look_back = 90
      message   = <<-EOT
        Unreachable destinations. Which host gets ICMP messages that a host, a port or a size of packets cannot be reached?
        {{range .QueryResult[0]}}* reporter {{.reporter}}, sender {{.sender}}, protocol {{.protocol}}, icmp-type {{index . "icmp-type"}}, icmp-code {{index . "icmp-code"}}, packets {{.packets}}
          Records: srcaddr:{{.reporter}} AND dstaddr:{{.sender}} AND protocol:{{.protocol}} AND icmp-type:{{index . "icmp-type"}} AND icmp-code:{{index . "icmp-code"}}
        {{end}}All rows: {{.QueryUrl}}
        This alarm: {{.DetailUrl}}
      EOT
      query     = <<-EOT
        log-status:OK AND ((protocol:1 AND icmp-type:3) OR (protocol:58 AND icmp-type:(1 OR 2))) | select srcaddr as reporter, dstaddr as sender, protocol, "icmp-type", "icmp-code", sum(packets) as packets
        group by srcaddr, dstaddr, protocol, "icmp-type", "icmp-code"
        having sum(packets) >= ${local.parameters["unreachable"].packets}
        order by 6 desc, 1, 2
      EOT
    }
    "idle-listener" = {
      noisy     = true
      level     = 1
      period    = 15
      look_back = 90
      message   = <<-EOT
        Ports without a service. Which ports are tried by many clients and never answered?
        {{range .QueryResult[0]}}* server {{.server}}, port {{.port}}, clients {{.clients}}, attempts {{.attempts}}
          Records: dstaddr:{{.server}} AND dstport:{{.port}} AND protocol:6
        {{end}}All rows: {{.QueryUrl}}
        This alarm: {{.DetailUrl}}
      EOT
      query     = <<-EOT
        log-status:OK AND protocol:6 | select dstaddr as server, dstport as port, count(distinct srcaddr) as clients, count(*) as attempts
        where initiator = 'source'
        group by dstaddr, dstport
        having count(distinct srcaddr) >= ${local.parameters["idle-listener"].clients} and max("tcp-flags" % 32) < 16
        order by 3 desc, 1, 2
      EOT
    }
    "beacon" = {
      noisy     = false
      level     = 0
      period    = 60
      look_back = 1440
      message   = <<-EOT
        Beacons. Which host opens connections to another at regular times, with about as many bytes each time?
        {{range .QueryResult[0]}}* srcaddr {{.srcaddr}}, dstaddr {{.dstaddr}}, dstport {{.dstport}}, beginnings {{.beginnings}}, period {{.period}}, mean_bytes {{.mean_bytes}}
          Records: srcaddr:{{.srcaddr}} AND dstaddr:{{.dstaddr}} AND dstport:{{.dstport}} AND protocol:6
        {{end}}All rows: {{.QueryUrl}}
        This alarm: {{.DetailUrl}}
      EOT
      query     = <<-EOT
        log-status:OK AND protocol:6 | select srcaddr, dstaddr, dstport, beginnings, period, mean_bytes, since, until
        from (
          select srcaddr, dstaddr, dstport, beginnings, mean_bytes, spread_bytes, since, until,
            case
              when strength_3600 > ${local.parameters["beacon"].strength} and until - since >= 3600 * ${local.parameters["beacon"].periods} then 3600
              when strength_1800 > ${local.parameters["beacon"].strength} and until - since >= 1800 * ${local.parameters["beacon"].periods} then 1800
              when strength_900 > ${local.parameters["beacon"].strength} and until - since >= 900 * ${local.parameters["beacon"].periods} then 900
              when strength_600 > ${local.parameters["beacon"].strength} and until - since >= 600 * ${local.parameters["beacon"].periods} then 600
              when strength_300 > ${local.parameters["beacon"].strength} and until - since >= 300 * ${local.parameters["beacon"].periods} then 300
              when strength_120 > ${local.parameters["beacon"].strength} and until - since >= 120 * ${local.parameters["beacon"].periods} then 120
              when strength_60 > ${local.parameters["beacon"].strength} and until - since >= 60 * ${local.parameters["beacon"].periods} then 60
            end as period
          from (
            select srcaddr, dstaddr, dstport, count(*) as beginnings, avg(bytes) as mean_bytes,
              stddev(bytes) as spread_bytes, min("first") as since, max("first") as until,
              sqrt(power(sum(cos(2 * pi() * ("first" % 60) / 60)), 2) + power(sum(sin(2 * pi() * ("first" % 60) / 60)), 2)) / count(*) as strength_60,
              sqrt(power(sum(cos(2 * pi() * ("first" % 120) / 120)), 2) + power(sum(sin(2 * pi() * ("first" % 120) / 120)), 2)) / count(*) as strength_120,
              sqrt(power(sum(cos(2 * pi() * ("first" % 300) / 300)), 2) + power(sum(sin(2 * pi() * ("first" % 300) / 300)), 2)) / count(*) as strength_300,
              sqrt(power(sum(cos(2 * pi() * ("first" % 600) / 600)), 2) + power(sum(sin(2 * pi() * ("first" % 600) / 600)), 2)) / count(*) as strength_600,
              sqrt(power(sum(cos(2 * pi() * ("first" % 900) / 900)), 2) + power(sum(sin(2 * pi() * ("first" % 900) / 900)), 2)) / count(*) as strength_900,
              sqrt(power(sum(cos(2 * pi() * ("first" % 1800) / 1800)), 2) + power(sum(sin(2 * pi() * ("first" % 1800) / 1800)), 2)) / count(*) as strength_1800,
              sqrt(power(sum(cos(2 * pi() * ("first" % 3600) / 3600)), 2) + power(sum(sin(2 * pi() * ("first" % 3600) / 3600)), 2)) / count(*) as strength_3600
            where "tcp-flags" % 4 >= 2 and dstport < srcport
            group by srcaddr, dstaddr, dstport
            having count(*) >= ${local.parameters["beacon"].beginnings}
          )
        )
        where period is not null and spread_bytes <= mean_bytes * ${local.parameters["beacon"].spread}
        order by 4 desc, 1, 2, 3
      EOT
    }
    "exfiltration" = {
      noisy     = false
      level     = 2
      period    = 15
      look_back = 90
      message   = <<-EOT
        Uploads that look like exfiltration. Which client sent another host much more within an hour than it got?
        {{range .QueryResult[0]}}* client {{.client}}, server {{.server}}, sent {{.sent}}, received {{.received}}
          Records: (srcaddr:{{.client}} AND dstaddr:{{.server}}) OR (srcaddr:{{.server}} AND dstaddr:{{.client}})
        {{end}}All rows: {{.QueryUrl}}
        This alarm: {{.DetailUrl}}
      EOT
      query     = <<-EOT
        log-status:OK | select client, server, max(sent) as sent, max(received) as received, min(since) as since, max(until) as until
        from (
          select case when initiator = 'source' then srcaddr else dstaddr end as client,
            case when initiator = 'source' then dstaddr else srcaddr end as server,
            sum(case when initiator = 'source' then bytes else 0 end) as sent,
            sum(case when initiator = 'source' then 0 else bytes end) as received,
            min(start) as since, max("end") as until
          where initiator in ('source', 'destination')
          group by case when initiator = 'source' then srcaddr else dstaddr end,
            case when initiator = 'source' then dstaddr else srcaddr end, start - start % 3600
        )
        where sent > ${local.parameters["exfiltration"].bytes} and sent > received * ${local.parameters["exfiltration"].ratio}
        group by client, server
        order by 3 desc, 1, 2
      EOT
    }
    "long-connection" = {
      noisy     = true
      level     = 1
      period    = 60
      look_back = 1440
      message   = <<-EOT
        Long connections. Which connections last for hours?
        {{range .QueryResult[0]}}* srcaddr {{.srcaddr}}, srcport {{.srcport}}, dstaddr {{.dstaddr}}, dstport {{.dstport}}, protocol {{.protocol}}, seconds {{.seconds}}, packets {{.packets}}, bytes {{.bytes}}
          Records: srcaddr:{{.srcaddr}} AND srcport:{{.srcport}} AND dstaddr:{{.dstaddr}} AND dstport:{{.dstport}} AND protocol:{{.protocol}}
        {{end}}All rows: {{.QueryUrl}}
        This alarm: {{.DetailUrl}}
      EOT
      query     = <<-EOT
        log-status:OK AND protocol:(6 OR 17) | select srcaddr, srcport, dstaddr, dstport, protocol, max("end") - min(start) as seconds, sum(packets) as packets, sum(bytes) as bytes
        where srcport >= dstport
        group by srcaddr, srcport, dstaddr, dstport, protocol
        having max("end") - min(start) >= ${local.parameters["long-connection"].seconds}
        order by 6 desc, 1, 3
      EOT
    }
    "rejected-then-accepted" = {
      noisy     = false
      level     = 2
      period    = 60
      look_back = 1440
      message   = <<-EOT
        Rejected, then accepted. Which host was rejected at a port several times, and then let in?
        {{range .QueryResult[0]}}* srcaddr {{.srcaddr}}, dstaddr {{.dstaddr}}, dstport {{.dstport}}, protocol {{.protocol}}, rejected {{.rejected}}, accepted {{.accepted}}
          Records: srcaddr:{{.srcaddr}} AND dstaddr:{{.dstaddr}} AND dstport:{{.dstport}} AND protocol:{{.protocol}}
        {{end}}All rows: {{.QueryUrl}}
        This alarm: {{.DetailUrl}}
      EOT
      query     = <<-EOT
        log-status:OK | select srcaddr, dstaddr, dstport, protocol, max(rejected) as rejected, sum(accepted) as accepted,
          max(first_rejected) as first_rejected, max(last_accepted) as last_accepted
        from (
          select srcaddr, dstaddr, dstport, protocol, start as last_accepted, accepted,
            sum(rejected) over (partition by srcaddr, dstaddr, dstport, protocol order by start
              rows between unbounded preceding and 1 preceding) as rejected,
            min(case when rejected > 0 then start end) over (partition by srcaddr, dstaddr, dstport, protocol order by start
              rows between unbounded preceding and 1 preceding) as first_rejected
          from (
            select srcaddr, dstaddr, dstport, protocol, start,
              sum(case when action = 'REJECT' then packets else 0 end) as rejected,
              sum(case when action = 'ACCEPT' then packets else 0 end) as accepted
            group by srcaddr, dstaddr, dstport, protocol, start
          )
        )
        where rejected >= ${local.parameters["rejected-then-accepted"].rejected} and accepted > 0
        group by srcaddr, dstaddr, dstport, protocol
        having sum(accepted) >= ${local.parameters["rejected-then-accepted"].accepted}
        order by 5 desc, 1, 2, 3
      EOT
    }
    "scan-hosts" = {
      noisy     = false
      level     = 0
      period    = 5
      look_back = 15
      message   = <<-EOT
        Host scans. Which host tried one port on many others without ever completing a connection?
        {{range .QueryResult[0]}}* srcaddr {{.srcaddr}}, dstport {{.dstport}}, hosts {{.hosts}}, sensitive {{.sensitive}}
          Records: srcaddr:{{.srcaddr}} AND dstport:{{.dstport}} AND protocol:6 AND tcp-flags:2
        {{end}}All rows: {{.QueryUrl}}
        This alarm: {{.DetailUrl}}
      EOT
      query     = <<-EOT
        log-status:OK AND protocol:6 | select srcaddr, dstport, max(hosts) as hosts, min(since) as since, max(until) as until,
          max(case when dstport in (21, 22, 23, 25, 139, 445, 3389, 5985, 5986) then hosts else 0 end) as sensitive
        from (
          select srcaddr, dstport, count(distinct dstaddr) as hosts, min(start) as since, max("end") as until
          where "tcp-flags" = 2
          group by srcaddr, dstport, start - start % ${local.parameters["scan-hosts"].within}
        )
        group by srcaddr, dstport
        having max(hosts) >= ${local.parameters["scan-hosts"].hosts}
        order by 3 desc, 1, 2
      EOT
    }
    "scan-ports" = {
      noisy     = false
      level     = 0
      period    = 5
      look_back = 15
      message   = <<-EOT
        Port scans. Which host tried many ports of another without ever completing a connection?
        {{range .QueryResult[0]}}* srcaddr {{.srcaddr}}, dstaddr {{.dstaddr}}, ports {{.ports}}
          Records: srcaddr:{{.srcaddr}} AND dstaddr:{{.dstaddr}} AND protocol:6 AND tcp-flags:2
        {{end}}All rows: {{.QueryUrl}}
        This alarm: {{.DetailUrl}}
      EOT
      query     = <<-EOT
        log-status:OK AND protocol:6 | select srcaddr, dstaddr, max(ports) as ports, min(since) as since, max(until) as until
        from (
          select srcaddr, dstaddr, count(distinct dstport) as ports, min(start) as since, max("end") as until
          where "tcp-flags" = 2
          group by srcaddr, dstaddr, start - start % ${local.parameters["scan-ports"].within}
        )
        group by srcaddr, dstaddr
        having max(ports) >= ${local.parameters["scan-ports"].ports}
        order by 3 desc, 1, 2
      EOT
    }
    "syn-flood" = {
      noisy     = false
      level     = 2
      period    = 5
      look_back = 15
      message   = <<-EOT
        SYN floods. Which service gets more openings of connections than are ever completed?
        {{range .QueryResult[0]}}* dstaddr {{.dstaddr}}, dstport {{.dstport}}, half_open {{.half_open}}, attempts {{.attempts}}, sources {{.sources}}
          Records: dstaddr:{{.dstaddr}} AND dstport:{{.dstport}} AND protocol:6 AND tcp-flags:2
        {{end}}All rows: {{.QueryUrl}}
        This alarm: {{.DetailUrl}}
      EOT
      query     = <<-EOT
        log-status:OK AND protocol:6 | select dstaddr, dstport, max(half_open) as half_open, max(attempts) as attempts, max(sources) as sources,
          min(start) as since, max(until) as until
        from (
          select dstaddr, dstport, start, max("end") as until,
            sum(case when "tcp-flags" = 2 then packets else 0 end) as half_open,
            sum(case when "tcp-flags" = 2 then packets when "tcp-flags" % 4 >= 2 then 1 else 0 end) as attempts,
            count(distinct case when "tcp-flags" = 2 then srcaddr end) as sources
          group by dstaddr, dstport, start
        )
        where half_open >= ${local.parameters["syn-flood"].halfOpen} and half_open > attempts * ${local.parameters["syn-flood"].share}
        group by dstaddr, dstport
        order by 3 desc, 1, 2
      EOT
    }
  }
}
