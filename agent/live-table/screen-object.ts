/** The live screen for programs: one JSON object for each refresh, and one at the end. docs/debug.md says what each member is. */
import { LEDGER_ROWS } from '../../schema/ledger-numbers.ts';
import { type Ledger, lostPackets, offeredPackets } from '../model/ledger.ts';
import { recordAddress } from '../record/endpoint.ts';
import { actionOf, rejectRuleOf } from './flow-key.ts';
import type { FlowTally, Rate } from './flow-tally.ts';
import type { LiveContext } from './live-table.ts';
import type { Row, View, ViewChoices } from './live-view.ts';

/** Goes up when a member changes its meaning or goes away. */
export const SCREEN_SCHEMA = 1;
/** Flows of one object. */
export const SCREEN_FLOWS_MAX = 100;

export function screenObject(
  kind: 'refresh' | 'end',
  tally: FlowTally,
  view: View,
  choices: ViewChoices,
  context: LiveContext,
): object {
  return {
    schema: SCREEN_SCHEMA,
    kind,
    interfaces: context.interfaceNames,
    elapsed_seconds: Number(context.elapsedSeconds.toFixed(3)),
    window: windowObject(tally),
    sort: choices.sort,
    filter: choices.filter,
    total: { flows: view.flows, packets: view.packets, bytes: view.bytes, ...rateMembers(view.rate) },
    forgotten_flows: tally.forgotten,
    ledger: ledgerObject(tally.ledger),
    notes: context.notes,
    flows: view.rows.map(flowObject),
  };
}

function windowObject({ latestStart, windowSeconds, observedSeconds }: FlowTally): object {
  if (!Number.isFinite(latestStart)) return { start: null, seconds: windowSeconds, observed_seconds: null };
  return { start: latestStart, seconds: windowSeconds, observed_seconds: Number(observedSeconds.toFixed(3)) };
}

function flowObject({ flow, rate }: Row): object {
  const { record } = flow;
  return {
    interface: flow.interfaceName,
    srcaddr: recordAddress(record, 'source'),
    dstaddr: recordAddress(record, 'destination'),
    srcport: record.sourcePort,
    dstport: record.destinationPort,
    protocol: record.protocol,
    packets: record.packets,
    bytes: record.bytes,
    ...rateMembers(rate),
    first: flow.first,
    last: flow.last,
    tcp_flags: record.tcpFlags,
    action: actionOf(record),
    reject_rule: rejectRuleOf(record) ?? null,
  };
}

function rateMembers(rate: Rate): object {
  return { bits_per_second: Math.round(rate.bytes * 8), packets_per_second: Number(rate.packets.toFixed(3)) };
}

function memberName(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function ledgerObject(ledger: Ledger): object {
  return {
    offered_packets: offeredPackets(ledger),
    lost_packets: lostPackets(ledger),
    ...Object.fromEntries(LEDGER_ROWS.map(({ name }) => [memberName(name), ledger[name]])),
    excluded: ledger.excluded,
    gaps: ledger.gaps,
  };
}
