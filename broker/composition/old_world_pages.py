"""The pages of the way out of the old world."""

from flask import Flask

from broker.composition.foundation import Foundation
from broker.composition.old_world import OldWorld
from broker.composition.people import People
from broker.signin.browser import Browser
from broker.web import csrf
from migrations.accounts.campaign.pages import views as campaign_views
from migrations.accounts.campaign.pages.visit import CampaignPages
from migrations.accounts.claiming import views as claim_views
from migrations.accounts.claiming.visit import ClaimPages
from migrations.accounts.conversion import views as conversion_views
from migrations.accounts.conversion.service import Conversions
from migrations.accounts.conversion.visit import pages_of as conversion_pages
from migrations.accounts.recovery import views as recovery_views
from migrations.accounts.recovery.drafts import Drafts
from migrations.accounts.recovery.views import RecoveryPages
from migrations.accounts.visit import OldWorldPages


def furnish(app: Flask, base: Foundation, people: People, old_world: OldWorld, browser: Browser) -> None:
    """Register every address of the old world with ``app``."""
    pages = OldWorldPages(
        authority=people.authority,
        accounts=people.accounts,
        sessions=people.sessions,
        attempts=old_world.attempts,
        effects=old_world.effects,
        mail_limit=people.mail_limit,
        database=base.database,
        store=base.store,
        browser=browser,
        issuer=base.settings.issuer,
        registry=old_world.settings.registry,
        clock=base.clock,
    )
    drafts = Drafts(base.store, base.cipher)
    recovery = RecoveryPages(base=pages, recovery=old_world.recovery, drafts=drafts)
    app.register_blueprint(recovery_views.blueprint(recovery))
    conversions = Conversions(effects=old_world.effects, index=base.index)
    app.register_blueprint(
        conversion_views.blueprint(conversion_pages(pages, conversions, old_world.mailboxes, base.cipher))
    )
    claims = ClaimPages(
        base=pages, claiming=old_world.claiming, mailboxes=old_world.mailboxes, campaign=old_world.settings
    )
    app.register_blueprint(claim_views.blueprint(claims))
    campaign = CampaignPages(base=pages, campaign=old_world.campaign, index=base.index, recovery=old_world.recovery)
    app.register_blueprint(campaign_views.blueprint(campaign))
    one_click = campaign_views.one_click_blueprint(campaign)
    csrf.protection(app).exempt(one_click)
    app.register_blueprint(one_click)
