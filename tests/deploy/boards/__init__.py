"""The dashboards of deploy/grafana/dashboards, one module each; their JSON is made from these."""
