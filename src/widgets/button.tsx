import type { LabIcon } from '@jupyterlab/ui-components';
import type { MouseEvent, ReactElement } from 'react';

import type { IAbility } from '../model/abilities';

/**
 * A button with an icon, and a label if it has one to show.
 *
 * What cannot be done is `aria-disabled`, not `disabled`: the button keeps its place in the order
 * of the Tab key, and its tooltip can say why.
 */
export function Button(props: {
  icon: LabIcon;
  /** What it does; the tooltip when it can be done. */
  title: string;
  onClick: (event: MouseEvent) => void;
  ability?: IAbility;
  className?: string;
  label?: string;
  pressed?: boolean;
  /** What opens below it. */
  popup?: 'menu';
  tabIndex?: number;
}): ReactElement {
  const { icon, title, onClick, ability, className, label, pressed, popup, tabIndex } = props;
  const disabled = ability?.allowed === false;
  const hint = disabled ? `${title}: ${ability.reason}` : title;
  return (
    <button
      type="button"
      className={`wbs-Button ${className ?? ''}`}
      title={hint}
      aria-label={hint}
      aria-disabled={disabled || undefined}
      aria-pressed={pressed}
      aria-haspopup={popup}
      tabIndex={tabIndex}
      // Two quick clicks on a row's button are not a double click on the row.
      onDoubleClick={event => event.stopPropagation()}
      onClick={event => {
        event.stopPropagation();
        if (!disabled) {
          onClick(event);
        }
      }}
    >
      <icon.react tag="span" className="wbs-Icon" />
      {label && <span className="wbs-Button-label">{label}</span>}
    </button>
  );
}
