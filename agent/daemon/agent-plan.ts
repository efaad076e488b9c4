import type { Region } from '../annotation/regions.ts';
import type { ChosenEngine } from '../capture/choose-engine.ts';
import type { Sandbox } from '../model/sandbox.ts';
import type { ExclusionPolicy } from '../packet/exclusion.ts';
import type { TapSetup } from '../threads/tap-manager.ts';
import type { DetectionPlan } from '../threads/window-detection.ts';

/** What an agent observes and how, wherever it ships to. */
export interface AgentPlan extends ChosenEngine {
  readonly hostId: string;
  readonly stateDirectory: string;
  readonly spoolBytesMax: number;
  readonly spoolAgeSecondsMax: number;
  readonly taps: readonly TapSetup[];
  readonly exclusion: ExclusionPolicy;
  readonly flowsMax: number;
  readonly ringBytesMax: number;
  readonly tableDirectory?: string | undefined;
  readonly regions: readonly Region[];
  /** Of pseudonyms of addresses. */
  readonly privacyKey: Uint8Array | undefined;
  /** Undefined where the embedded log service detects, or the configuration does not want it. */
  readonly detection: DetectionPlan | undefined;
  readonly sandbox: Sandbox;
  /** Whether TypeScript meters, also where WebAssembly can run. */
  readonly noWasm?: boolean | undefined;
}
