/**
 * What is known of a flow beside what its packets say: from the packet filter, connection tracking, the region table, the
 * host's own addresses, the flow that answers it. Written when a window is closed, never in the packet path.
 */
export interface Annotations {
  action: Action;
  /** The rule that rejected the packets, as its log prefix names it; empty where nothing did. */
  rejectRule: string;
  direction: Direction;
  initiator: Initiator;
  /** Why `initiator` says so. */
  initiatorEvidence: InitiatorEvidence;
  translation: Translation;
  /** Addresses and ports on the other side of the translation, as words like those of the record; zero unless `matched`. */
  translatedSource0: number;
  translatedSource1: number;
  translatedSource2: number;
  translatedSource3: number;
  translatedDestination0: number;
  translatedDestination1: number;
  translatedDestination2: number;
  translatedDestination3: number;
  translatedSourcePort: number;
  translatedDestinationPort: number;
  /** Region ids of the two addresses; empty where no region holds one. */
  sourceRegion: string;
  destinationRegion: string;
  /** From the SYN to the answering SYN-ACK, as seen here; 0 where this window did not show both. */
  handshakeMicroseconds: number;
}

/** Each list is also the order of the numbers on the wire. */
export const ACTIONS = ['ACCEPT', 'REJECT'] as const;
export type Action = (typeof ACTIONS)[number];

/** Seen from the observation point. */
export const DIRECTIONS = ['unknown', 'ingress', 'egress'] as const;
export type Direction = (typeof DIRECTIONS)[number];

/** Who began the conversation that the flow is one direction of. */
export const INITIATORS = ['unknown', 'source', 'destination'] as const;
export type Initiator = (typeof INITIATORS)[number];

export const INITIATOR_EVIDENCE = ['none', 'syn', 'conntrack', 'port'] as const;
export type InitiatorEvidence = (typeof INITIATOR_EVIDENCE)[number];

/** `none`: not asked for. `unmatched`: connection tracking knew nothing of the flow. `same`: it did, and nothing is translated. */
export const TRANSLATIONS = ['none', 'unmatched', 'same', 'matched'] as const;
export type Translation = (typeof TRANSLATIONS)[number];

/** The longest rejection rule and region id, in UTF-8 bytes. */
export const ANNOTATION_TEXT_BYTES_MAX = 128;

export function createAnnotations(): Annotations {
  return {
    action: 'ACCEPT',
    rejectRule: '',
    direction: 'unknown',
    initiator: 'unknown',
    initiatorEvidence: 'none',
    translation: 'none',
    translatedSource0: 0,
    translatedSource1: 0,
    translatedSource2: 0,
    translatedSource3: 0,
    translatedDestination0: 0,
    translatedDestination1: 0,
    translatedDestination2: 0,
    translatedDestination3: 0,
    translatedSourcePort: 0,
    translatedDestinationPort: 0,
    sourceRegion: '',
    destinationRegion: '',
    handshakeMicroseconds: 0,
  };
}

/**
 * Makes them those of a record of which nothing more is known. Field by field, because it runs for each annotated record and
 * `Object.assign` takes a hundred nanoseconds more.
 */
export function clearAnnotations(annotations: Annotations): void {
  annotations.action = 'ACCEPT';
  annotations.rejectRule = '';
  annotations.direction = 'unknown';
  annotations.initiator = 'unknown';
  annotations.initiatorEvidence = 'none';
  annotations.translation = 'none';
  annotations.translatedSource0 = 0;
  annotations.translatedSource1 = 0;
  annotations.translatedSource2 = 0;
  annotations.translatedSource3 = 0;
  annotations.translatedDestination0 = 0;
  annotations.translatedDestination1 = 0;
  annotations.translatedDestination2 = 0;
  annotations.translatedDestination3 = 0;
  annotations.translatedSourcePort = 0;
  annotations.translatedDestinationPort = 0;
  annotations.sourceRegion = '';
  annotations.destinationRegion = '';
  annotations.handshakeMicroseconds = 0;
}
