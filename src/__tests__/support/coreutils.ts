export const URLExt = {
  join: (...parts: string[]) =>
    parts
      .map((part, index) => (index ? part.replace(/^\//, '') : part.replace(/\/$/, '')))
      .join('/')
};
