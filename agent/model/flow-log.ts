import { FIELDS } from '../../schema/fields.ts';

/** The flow log as its records name it. */
export interface FlowLog {
  readonly id: string;
  /** The account (AppID) that owns the records. */
  readonly accountId: string;
  readonly windowSeconds: number;
  readonly resourceType: ResourceType;
  readonly trafficType: TrafficType;
  /** What its records say, by the names of schema/fields.ts, in this order; empty for the documented row of its resource type. */
  readonly fields: readonly string[];
  /** The sinks that get its records, by name; absent where all of the agent do. */
  readonly sinks?: readonly string[];
  /** Absent where packets and bytes are what this host's kernel handles (`COUNTS`). */
  readonly count?: 'wire';
  /** Absent where records have the addresses themselves. */
  readonly addresses?: 'pseudonymised';
  /** Values of fields that this host cannot know (`vpc-id` ...), by name. */
  readonly constants: Readonly<Record<string, string>>;
}

/** What a flow log observes: interfaces, a host that translates addresses, or a gateway that joins regions. */
export const RESOURCE_TYPES = ['NETWORKINTERFACE', 'NAT', 'CCN'] as const;
export type ResourceType = (typeof RESOURCE_TYPES)[number];

/** Which records are shipped, by their action. */
export const TRAFFIC_TYPES = ['ALL', 'ACCEPT', 'REJECT'] as const;
export type TrafficType = (typeof TRAFFIC_TYPES)[number];

/** What the records of most flow logs say: the documented row of an interface. */
export const ROW_DEFAULTS = {
  resourceType: 'NETWORKINTERFACE',
  fields: [],
  constants: {},
} as const satisfies Partial<FlowLog>;

/** What `packets` and `bytes` count of frames under segmentation offload: those of the host's kernel, or those on the wire. */
export const COUNTS = ['host', 'wire'] as const;

/** How records name addresses. */
export const ADDRESS_FORMS = ['plain', 'pseudonymised'] as const;

/** What most flow logs are beside their identity. */
export const FLOW_LOG_DEFAULTS = { ...ROW_DEFAULTS, trafficType: 'ALL' } as const satisfies Partial<FlowLog>;

const ICMP_FIELDS: ReadonlySet<string> = new Set(
  FIELDS.filter(({ extendsKey }) => extendsKey === 'icmp').map(({ name }) => name),
);

/** Whether type and code of ICMP are part of the flow key: where records show one of them. */
export function keysIcmp({ fields }: Pick<FlowLog, 'fields'>): boolean {
  return fields.some((field) => ICMP_FIELDS.has(field));
}

const WIRE_FIELDS: ReadonlySet<string> = new Set(
  FIELDS.filter(({ counts }) => counts === 'wire').map(({ name }) => name),
);

/** Of a list of fields those that say what is on the wire. */
export function wireFieldsOf(fields: readonly string[]): readonly string[] {
  return fields.filter((field) => WIRE_FIELDS.has(field));
}

/** Whether its capture has to tell the segments of frames. */
export function asksSegments({ count, fields }: Pick<FlowLog, 'count' | 'fields'>): boolean {
  return count === 'wire' || wireFieldsOf(fields).length > 0;
}

/** Whether its records say what is on the wire beside what this host handles. Where they count nothing else, it is the same. */
export function notesWire({ count, fields }: Pick<FlowLog, 'count' | 'fields'>): boolean {
  return count !== 'wire' && wireFieldsOf(fields).length > 0;
}

/** One capture interface of a flow log. */
export interface ObservationPoint {
  readonly flowLog: FlowLog;
  /** Stable over reboots: the user's own, or derived from name and hardware address. */
  readonly interfaceId: string;
  readonly interfaceName: string;
}

/** Whether both stand for one interface of one flow log: points travel between threads, so they are not the same object. */
export function isSamePoint(left: ObservationPoint, right: ObservationPoint): boolean {
  return left.flowLog.id === right.flowLog.id && left.interfaceName === right.interfaceName;
}
