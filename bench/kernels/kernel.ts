/** A kernel ready to run: everything that it needs exists, and what runs only once (growth, first inserts) has run. */
export interface PreparedKernel {
  /** Packets or records that one `run` handles. */
  readonly items: number;
  /** Bytes that one `run` reads or writes, where megabytes per second say more. */
  readonly bytes?: number;
  /** Said beside the figures. */
  readonly note?: string;
  /** Before each `run`, outside the measured time. */
  readonly prepare?: () => void;
  readonly run: () => void;
  /** Of the last `run`, where some of what it did is not the kernel's. */
  readonly spentMs?: () => number;
}

/** One measurable part of the hot path. */
export interface Kernel {
  /** `part` or `part/variant`; a name given on the command line selects all kernels that begin with it. */
  readonly name: string;
  readonly item: 'packet' | 'record' | 'flow';
  readonly create: () => PreparedKernel;
}
