/**
 * A flow log as it is told, by the control socket and by `flowlogd flow-logs --json`. Its JSON is stable: members may be
 * added, and none changes its meaning while `schema` stays the same. docs/flow-logs.md says what each is.
 */

import type { Resolution } from '../flow-logs/claims.ts';
import { claimInterfaces, describeConflict } from '../flow-logs/claims.ts';
import type { Definition, Refusal } from '../flow-logs/flow-log-entry.ts';
import type { FlowLogControl } from '../flow-logs/reconciler.ts';
import type { FlowLog, ResourceType, TrafficType } from '../model/flow-log.ts';
import type { AgentStatus, SinkStatus } from '../telemetry/agent-status.ts';
import { type Asked, type Readiness, readinessOf } from '../telemetry/readiness.ts';
import type { TapSetup } from '../threads/tap-manager.ts';

export const FLOW_LOGS_SCHEMA = 1;

export const FLOW_LOG_STATES = ['capturing', 'waiting', 'disabled'] as const;
export type FlowLogState = (typeof FLOW_LOG_STATES)[number];

export interface FlowLogView {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly enabled: boolean;
  /** `waiting`: enabled, and none of its interfaces is captured now. */
  readonly state: FlowLogState;
  readonly origin: 'file' | 'command';
  readonly createdSeconds: number;
  readonly resourceType: ResourceType;
  readonly trafficType: TrafficType;
  readonly windowSeconds: number;
  /** As the user named them. */
  readonly interfaces: readonly string[];
  /** Options that cannot change and that differ from their defaults, by their names in the configuration. */
  readonly definition: Definition;
  /** The interfaces that it observes now. */
  readonly observed: readonly {
    readonly interface: string;
    readonly interfaceId: string;
    readonly state: string;
    readonly records: number;
  }[];
  /** Where its records go. */
  readonly storage: string;
  /** Whether its records arrive, or why a reader would see none. */
  readonly readiness: Readiness;
  /** Each that gets its records. */
  readonly sinks: readonly { readonly name: string; readonly storage: string; readonly readiness: Readiness }[];
  /** What keeps it from observing what it should, and what the configuration asks of it in vain; a sentence each. */
  readonly remarks: readonly string[];
}

export interface FlowLogList {
  readonly schema: typeof FLOW_LOGS_SCHEMA;
  readonly flowLogs: readonly FlowLogView[];
  /** Of the last reload: what the configuration asks for and cannot have. */
  readonly refusals: readonly Refusal[];
}

/** What a sink said last when it was asked without an upload. */
export type AskedOf = (sink: string) => Asked;

export function viewFlowLogs(control: FlowLogControl, status: AgentStatus, asked: AskedOf): FlowLogList {
  const resolutions = control.resolutions();
  const conflicts = claimInterfaces(resolutions).conflicts;
  const { refusals } = control;
  const remarksOf = ({ entry, missing }: Resolution<TapSetup>) => [
    ...refusals.filter(({ flowLogId }) => flowLogId === entry.id).map(({ message }) => message),
    ...conflicts.filter(({ flowLogId }) => flowLogId === entry.id).map((each) => `${describeConflict(each)}.`),
    ...missing.map((pattern) => `No interface matches ${pattern}.`),
    ...control.failuresOf(entry.id),
    ...status.interfaces.flatMap(({ flowLogId, state, reason }) =>
      flowLogId === entry.id && state === 'waiting' && reason !== null ? [reason] : [],
    ),
  ];
  return {
    schema: FLOW_LOGS_SCHEMA,
    flowLogs: resolutions.map((resolution) => view(resolution, status, remarksOf(resolution), asked)),
    refusals,
  };
}

function view(
  { entry, flowLog, patterns }: Resolution<TapSetup>,
  status: AgentStatus,
  remarks: readonly string[],
  asked: AskedOf,
): FlowLogView {
  const sinks = sinksOf(flowLog, status).map((sink) => ({
    ...sink,
    readiness: readinessOf(sink, flowLog.windowSeconds, asked(sink.name)),
  }));
  const { id, attributes, origin, createdSeconds, definition } = entry;
  const observed = status.interfaces.filter(({ flowLogId }) => flowLogId === id);
  const isCapturing = observed.some(({ state }) => state === 'capturing');
  const state = attributes.enabled ? (isCapturing ? 'capturing' : 'waiting') : 'disabled';
  return {
    id,
    ...attributes,
    state,
    origin,
    createdSeconds,
    resourceType: flowLog.resourceType,
    trafficType: flowLog.trafficType,
    windowSeconds: flowLog.windowSeconds,
    interfaces: patterns,
    definition,
    observed: observed.map((one) => ({
      interface: one.interface,
      interfaceId: one.interfaceId,
      state: one.state,
      records: one.records,
    })),
    storage: sinks.map(({ sink }) => sink).join(', '),
    sinks: sinks.map(({ name, sink, readiness }) => ({ name, storage: sink, readiness })),
    readiness: state === 'capturing' ? worstOf(sinks) : notObserving(state, remarks),
    remarks,
  };
}

/** A flow log that names no sinks has all of them. */
function sinksOf({ sinks }: FlowLog, status: AgentStatus): readonly SinkStatus[] {
  const named = status.sinks.filter(({ name }) => sinks?.includes(name));
  return named.length > 0 ? named : status.sinks;
}

const GRAVEST_FIRST: readonly Readiness['state'][] = ['refused', 'unreachable', 'unknown', 'ready'];

/** Of several the gravest, with its name. */
function worstOf(sinks: readonly { readonly name: string; readonly readiness: Readiness }[]): Readiness {
  const state = GRAVEST_FIRST.find((each) => sinks.some(({ readiness }) => readiness.state === each));
  const { name, readiness } = sinks.find((sink) => sink.readiness.state === state)!;
  return sinks.length === 1 ? readiness : { state: readiness.state, message: `${name}: ${readiness.message}` };
}

function notObserving(state: FlowLogState, remarks: readonly string[]): Readiness {
  if (state === 'disabled') return { state: 'disabled', message: 'Disabled; enable it to start capturing.' };
  const why = remarks[0] ?? 'none of its interfaces is captured.';
  return { state: 'waiting', message: `Not capturing: ${why}` };
}
