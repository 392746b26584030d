import { Observable } from './observable';

/** What the user set in the settings editor. */
export interface IPreferences {
  /** Ask before files are deleted; before folders are, the panel always asks. */
  confirmDelete: boolean;
  /** Show the state of the home's synchronisation at the panel's foot. */
  showFooter: boolean;
  /** Show it in the status bar too. */
  showStatusItem: boolean;
  /** Open the folder that was open last. */
  rememberFolder: boolean;
}

/** What holds until the user says otherwise; the same as in schema/panel.json. */
export const DEFAULTS: IPreferences = {
  confirmDelete: true,
  showFooter: true,
  showStatusItem: true,
  rememberFolder: true
};

/** The preferences, as a model. */
export class Preferences extends Observable<IPreferences> {
  constructor() {
    super(DEFAULTS);
  }

  /** Take what the settings say; what they do not say is as by default. */
  update(values: Partial<IPreferences>): void {
    this.setState({ ...DEFAULTS, ...values });
  }
}
