import type { ReactElement } from 'react';

/** An icon that is nothing but its name. */
export class LabIcon {
  constructor(readonly options: { name: string }) {}

  readonly react = (props: { className?: string }): ReactElement => (
    <span className={props.className} data-icon={this.options.name} />
  );
}

export class ReactWidget {}

const icons: Record<string, unknown> = { LabIcon, ReactWidget };

module.exports = new Proxy(icons, {
  get: (known, name: string) =>
    known[name] ?? (name.endsWith('Icon') ? (known[name] = new LabIcon({ name })) : undefined)
});
