import { captureAddonIfBuilt } from '../native/addon.ts';
import { AUTO_ENGINE, type LiveEngineChoice, type LiveEngineName } from './engines.ts';

export interface ChosenEngine {
  readonly engine: LiveEngineName;
  /** A sentence, where it is not the one that would be chosen everywhere. */
  readonly engineLimit: string | undefined;
}

/** @param ringRefusal why no packet ring of our own can be had here; undefined where one can, or the addon is missing */
export function chooseEngine(
  choice: LiveEngineChoice,
  ringRefusal = () => captureAddonIfBuilt()?.ringRefusal(),
): ChosenEngine {
  if (choice !== AUTO_ENGINE) return { engine: choice, engineLimit: undefined };
  const refusal = ringRefusal();
  if (refusal === undefined) return { engine: 'ring', engineLimit: undefined };
  return { engine: 'libpcap', engineLimit: `no packet rings here (${refusal}); capturing through libpcap` };
}
