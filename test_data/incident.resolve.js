{
  "messages": [
    {
      "id": "2018a712-0034-4000-8000-000000000003",
      "event": "incident.resolve",
      "created_on": "2018-07-12T16:20:06Z",
      "webhook": {
        "id": "PWEBH01",
        "type": "webhook_reference",
        "summary": "Relay",
        "name": "Relay",
        "endpoint_url": "https://relay.example.com/hooks/pagerduty",
        "webhook_object": {
          "id": "PSHOP01",
          "type": "service_reference",
          "summary": "Web shop checkout",
          "self": "https://api.pagerduty.com/services/PSHOP01",
          "html_url": "https://acme.pagerduty.com/services/PSHOP01"
        },
        "config": {},
        "outbound_integration": {
          "id": "PJFWPEP",
          "type": "outbound_integration_reference",
          "summary": "Generic V2 Webhook",
          "self": null,
          "html_url": null
        },
        "accounts_addon": null,
        "self": null,
        "html_url": null
      },
      "incident": {
        "incident_number": 34,
        "title": "The front door sensor is silent",
        "description": "The front door sensor is silent",
        "created_at": "2018-07-12T15:20:08Z",
        "status": "resolved",
        "incident_key": "front-door/sensor",
        "service": {
          "id": "PRECIPE",
          "type": "service",
          "summary": "Front door",
          "name": "Front door",
          "self": "https://api.pagerduty.com/services/PRECIPE",
          "html_url": "https://acme.pagerduty.com/services/PRECIPE"
        },
        "assignments": [],
        "acknowledgements": [],
        "last_status_change_at": "2018-07-12T16:20:06Z",
        "last_status_change_by": {
          "id": "PALICE1",
          "type": "user_reference",
          "summary": "Alice Adams",
          "self": "https://api.pagerduty.com/users/PALICE1",
          "html_url": "https://acme.pagerduty.com/users/PALICE1"
        },
        "escalation_policy": {
          "id": "PESC001",
          "type": "escalation_policy_reference",
          "summary": "Shop: day and night",
          "self": "https://api.pagerduty.com/escalation_policies/PESC001",
          "html_url": "https://acme.pagerduty.com/escalation_policies/PESC001"
        },
        "teams": [],
        "priority": null,
        "urgency": "high",
        "alert_counts": {
          "all": 1,
          "triggered": 1,
          "resolved": 0
        },
        "id": "P663HSE",
        "type": "incident",
        "summary": "[#34] The front door sensor is silent",
        "self": "https://api.pagerduty.com/incidents/P663HSE",
        "html_url": "https://acme.pagerduty.com/incidents/P663HSE",
        "resolve_reason": "Test alert, please disregard"
      },
      "log_entries": [
        {
          "id": "RLOGRESOLV",
          "type": "resolve_log_entry",
          "summary": "Resolved",
          "self": "https://api.pagerduty.com/log_entries/RLOG",
          "html_url": null,
          "created_at": "2018-07-12T16:20:06Z",
          "agent": {
            "id": "PALICE1",
            "type": "user_reference",
            "summary": "Alice Adams",
            "self": "https://api.pagerduty.com/users/PALICE1",
            "html_url": "https://acme.pagerduty.com/users/PALICE1"
          },
          "channel": {
            "type": "website"
          },
          "incident": null,
          "teams": [],
          "contexts": [],
          "event_details": {}
        }
      ]
    }
  ]
}
