// Before any import of Grafana's: its runtime reads this while it is loaded.
(window as any).grafanaBootData = {
  settings: {
    buildInfo: { version: '12.4.10', env: 'production', commit: '', edition: 'OpenSource' },
    appSubUrl: '', defaultDatasource: 'prometheus', datasources: {}, panels: {}, featureToggles: {}, licenseInfo: {},
  },
  user: {
    timezone: 'utc', lightTheme: false, orgRole: 'Viewer', isSignedIn: true, weekStart: 'monday', language: 'en-US',
    regionalFormat: 'en-US',
  },
  navTree: [],
};
(window as any).__grafana_public_path__ = '/';
