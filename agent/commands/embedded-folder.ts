/** The state of `flowlogd run` without a configuration, below the current folder; its log service keeps its store in there. */
export const EMBEDDED_FOLDER = '.flowlogd';
