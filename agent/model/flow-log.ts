/** The flow log as its records name it. */
export interface FlowLog {
  readonly id: string;
  /** The account (AppID) that owns the records. */
  readonly accountId: string;
  readonly windowSeconds: number;
}

/** One capture interface of a flow log. */
export interface ObservationPoint {
  readonly flowLog: FlowLog;
  /** Stable over reboots: the user's own, or derived from name and hardware address. */
  readonly interfaceId: string;
  readonly interfaceName: string;
}
